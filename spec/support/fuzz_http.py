#!/usr/bin/env python3
"""Sends a server what no client should: requests that were mutated by chance.

Usage: fuzz_http.py PORT SEED COUNT
Each goes over a connection of its own, whole or in pieces, and some are left
half way. Prints how many got an answer, by status, as JSON. The seed makes a
run the same each time.
"""

import collections
import json
import random
import re
import socket
import sys

SEEDS = [
    b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET /explain?path=%2Fshop&listener=a HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: */*\r\n\r\n",
    b"HEAD /metrics HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    b"POST /status HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
    b"PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    b"GET /a HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nCookie: a=b; c\r\n\r\n"
    b"GET /b HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    b"OPTIONS * HTTP/1.1\r\nHost: a\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
]
PIECES = [b"\0", b"\r\n", b"\n", b"\r", b" ", b":", b"%", b"%00", b"%zz", b"?", b"&", b"=", b"/../",
          b"\xff", b"\xc0\x80", b"A" * 300, b"A" * 20000, b"Content-Length: 99999999999999999999\r\n",
          b"Content-Length: -1\r\n", b"Host: b\r\n", b"\t", b"HTTP/1.1", b"0" * 40]


def mutated(chance):
    text = chance.choice(SEEDS)
    for _ in range(chance.randint(1, 6)):
        at = chance.randint(0, len(text))
        kind = chance.randint(0, 4)
        if kind == 0:
            text = text[:at] + chance.choice(PIECES) + text[at:]
        elif kind == 1:
            text = text[:at] + text[at + chance.randint(1, 8):]
        elif kind == 2:
            text = text[:at] + bytes([chance.randint(0, 255)]) + text[at + 1:]
        elif kind == 3:
            text = text[:at] + text[chance.randint(0, len(text)):]
        else:
            text += chance.choice(SEEDS)
    return text


def try_one(port, text, chance):
    peer = socket.create_connection(("127.0.0.1", port), timeout=5)
    peer.settimeout(0.05)
    said = b""
    try:
        if chance.random() < 0.3:
            for at in range(0, len(text), 1 + len(text) // 3):
                peer.sendall(text[at:at + 1 + len(text) // 3])
        else:
            peer.sendall(text)
        if chance.random() < 0.5:
            peer.shutdown(socket.SHUT_WR)
        while len(said) < 100000:
            more = peer.recv(65536)
            if not more:
                break
            said += more
    except OSError:
        pass
    peer.close()
    return said


def main():
    port, seed, count = (int(word) for word in sys.argv[1:])
    chance = random.Random(seed)
    statuses = collections.Counter()
    for _ in range(count):
        said = try_one(port, mutated(chance), chance)
        status = re.match(rb"HTTP/1\.[01] (\d{3}) ", said)
        statuses[status.group(1).decode() if status else "none"] += 1
    json.dump(statuses, sys.stdout)


if __name__ == "__main__":
    main()
