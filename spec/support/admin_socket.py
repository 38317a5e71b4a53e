"""Gives commands to HAProxy over its admin socket and prints what it answers.

Usage: admin_socket.py SOCKET COMMANDS
"""
import socket
import sys

with socket.socket(socket.AF_UNIX) as admin:
    admin.settimeout(5)
    admin.connect(sys.argv[1])
    admin.sendall(sys.argv[2].encode() + b"\n")
    while data := admin.recv(4096):
        sys.stdout.write(data.decode())
