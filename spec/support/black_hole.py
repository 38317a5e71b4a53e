"""Listens on a port where no connection is ever made: requests for one are dropped unanswered.

Usage: black_hole.py PORT. Prints {"ready": true} once the port is full; ends with SIGTERM.
"""
import signal
import socket
import sys

address = ("127.0.0.1", int(sys.argv[1]))
server = socket.socket()
# The listener that usually has this port keeps it bound while it is paused.
server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
server.bind(address)
server.listen(0)
held = []
for _ in range(3):  # more than wait to be accepted
    held.append(socket.socket())
    held[-1].setblocking(False)
    held[-1].connect_ex(address)
print('{"ready": true}', flush=True)
signal.pause()
