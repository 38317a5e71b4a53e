"""A name server for the specs: every name is 127.0.0.1, until it is told to say nothing.

Usage: dns.py ADDRESS MUTE_FILE. Listens on port 53 of ADDRESS and prints {"ready": true}. While
MUTE_FILE is there it takes questions and answers none.
"""
import os
import socket
import sys

HEADER, TYPE_A = 12, 1

server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind((sys.argv[1], 53))
print('{"ready": true}', flush=True)
while True:
    asked, sender = server.recvfrom(512)
    if os.path.exists(sys.argv[2]):
        continue
    end = asked.index(b"\0", HEADER) + 5  # the name, its type and its class
    question = asked[HEADER:end]
    is_a = int.from_bytes(question[-4:-2], "big") == TYPE_A
    # Other types have no record, which is no error.
    answer = b"\xc0\x0c\0\1\0\1\0\0\0\0\0\4\x7f\0\0\1" if is_a else b""
    server.sendto(asked[:2] + b"\x81\x80\0\1" + is_a.to_bytes(2, "big") + b"\0\0\0\0"
                  + question + answer, sender)
