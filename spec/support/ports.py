"""Ports for programs to come, on standard output: `ports.py COUNT`.

Below the range from which the kernel takes ports of its own accord (ip_local_port_range), where any
connection may take one before its program binds it; and each in turn, by a number that the specs of
one machine share, so that two specs at once get different ones.
"""

import fcntl
import os
import random
import socket
import sys
import tempfile

FIRST = 16384   # beyond the usual ports of services
LEAST = 1024    # ports in the range, else the kernel chooses


def last():
    try:
        with open("/proc/sys/net/ipv4/ip_local_port_range", encoding="ascii") as text:
            return int(text.read().split()[0]) - 1
    except OSError:
        return 0


def bound(port):
    """A socket of the port at every address, or nothing if one is taken there."""
    one = socket.socket()
    try:
        one.bind(("0.0.0.0", port))
        return one
    except OSError:
        one.close()
        return None


def in_turn(count, span):
    path = os.path.join(tempfile.gettempdir(), f"nightjar-spec-ports-{os.getuid()}")
    with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+", encoding="ascii") as shared:
        fcntl.flock(shared, fcntl.LOCK_EX)
        text = shared.read().strip()
        turn = int(text) if text.isdigit() else random.randrange(span)
        sockets = []
        for _ in range(span):
            if len(sockets) == count:
                break
            turn = (turn + 1) % span
            one = bound(FIRST + turn)
            if one:
                sockets.append(one)
        shared.seek(0)
        shared.truncate()
        shared.write(str(turn))
    return sockets


def main():
    count, span = int(sys.argv[1]), last() - FIRST + 1
    sockets = in_turn(count, span) if span >= LEAST else [bound(0) for _ in range(count)]
    print(*(one.getsockname()[1] for one in sockets))


main()
