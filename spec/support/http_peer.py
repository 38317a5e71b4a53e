#!/usr/bin/env python3
"""An HTTP server that behaves as its paths ask, well or badly.

Usage: http_peer.py [--tls CERTIFICATE KEY] [--unix PATH] [--greeting TEXT]
Writes its port (or 0) as a line on standard output and serves until killed.
What a path does is said beside it below; `connections` counts those accepted.
With a greeting it speaks first, as other protocols do.
"""

import argparse
import json
import socket
import ssl
import struct
import threading
import time

lock = threading.Lock()
connections = 0
notes = []
busy = most_busy = 0


class Done(Exception):
    """The connection is over."""


def read_request(stream):
    line = stream.readline().decode("latin-1")
    if not line:
        raise Done
    method, target, _ = line.split()
    headers = []
    while True:
        line = stream.readline().decode("latin-1").rstrip("\r\n")
        if not line:
            break
        name, _, value = line.partition(":")
        headers.append([name, value.strip()])
    length = 0
    for name, value in headers:
        if name.lower() == "content-length":
            length = int(value)
    return method, target, headers, stream.read(length)


def answer(body=b"", headers=(), status="200 OK", length=None):
    lines = ["HTTP/1.1 " + status]
    lines += ["%s: %s" % pair for pair in headers]
    lines.append("Content-Length: %d" % (len(body) if length is None else length))
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


def reset(peer):
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    raise Done


def endless(peer):
    peer.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    chunk = b"1000\r\n" + b"x" * 4096 + b"\r\n"
    while True:
        peer.sendall(chunk)


def trickle(peer):
    peer.sendall(answer(length=1000))
    while True:
        peer.sendall(b"x")
        time.sleep(0.1)


def as_asked(peer, request, asked):
    """Does what the body asks for: wait, drop the connection, or answer with a status and a text."""
    global busy, most_busy
    with lock:
        notes.append(asked.get("name"))
        busy += 1
        most_busy = max(busy, most_busy)
    time.sleep(asked.get("wait", 0))
    with lock:
        busy -= 1
    if asked.get("drop"):
        reset(peer)
    said = json.dumps(request) if asked.get("echo") else json.dumps(asked.get("say"))
    peer.sendall(answer(said.encode(), status=asked.get("status", "200 OK")))


def serve(peer, number, method, target, headers, body):
    global most_busy
    path, _, query = target.partition("?")
    if path == "/echo":  # the request as it came, with the connection's number
        said = {"method": method, "target": target, "headers": headers,
                "body": body.decode("latin-1"), "connection": number}
        peer.sendall(answer(json.dumps(said).encode()))
    elif path == "/say":  # the request's body, with the query's status
        peer.sendall(answer(body, [("X-Said", "1")], (query or "200") + " Whatever"))
    elif path == "/ask":  # what the body says, in JSON
        as_asked(peer, {"headers": headers, "body": body.decode("latin-1")}, json.loads(body))
    elif path == "/most-busy":  # how many of those were under way at once, since it was last asked
        with lock:
            peer.sendall(answer(str(most_busy).encode()))
            most_busy = 0
    elif path == "/forget":  # the notes
        with lock:
            notes.clear()
        peer.sendall(answer())
    elif path == "/note":  # keeps the body, for /notes
        with lock:
            notes.append(body.decode("latin-1"))
        peer.sendall(answer())
    elif path == "/notes":
        with lock:
            peer.sendall(answer(json.dumps(notes).encode()))
    elif path == "/connections":
        peer.sendall(answer(str(connections).encode()))
    elif path == "/status":  # the query's
        peer.sendall(answer(b"body", status=query + " Whatever"))
    elif path == "/close":  # says so, and closes
        peer.sendall(answer(b"closing", [("Connection", "close")]))
        raise Done
    elif path == "/drop":  # answers, and closes without a word
        peer.sendall(answer(b"dropped"))
        raise Done
    elif path == "/leave":  # answers, and closes without a word after a while
        peer.sendall(answer(b"left"))
        time.sleep(0.2)
        raise Done
    elif path == "/old":  # HTTP/1.0: the end of the connection ends the body
        peer.sendall(b"HTTP/1.0 200 OK\r\n\r\nold")
        raise Done
    elif path == "/headers":  # several of one name
        peer.sendall(answer(b"", [("X-Several", "a"), ("X-Several", "b"),
                                  ("x-SEVERAL", "c"), ("X-Empty", "")]))
    elif path == "/continue":  # a provisional answer first
        peer.sendall(b"HTTP/1.1 103 Early Hints\r\nX-Early: 1\r\n\r\n")
        peer.sendall(answer(b"final", [("X-Late", "1")]))
    elif path == "/redirect":
        peer.sendall(answer(b"", [("Location", "/echo")], "302 Found"))
    elif path == "/slow":  # seconds in the query
        time.sleep(float(query))
        peer.sendall(answer(b"slow"))
    elif path == "/silent":  # no answer
        time.sleep(60)
    elif path == "/stall":  # half of an answer
        peer.sendall(answer(b"half", length=8))
        time.sleep(60)
    elif path == "/trickle":  # a byte each tenth of a second
        trickle(peer)
    elif path == "/cut":  # less than promised
        peer.sendall(answer(b"half", length=8))
        raise Done
    elif path == "/cut-chunk":
        peer.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8\r\nhalf")
        raise Done
    elif path == "/reset":  # in the middle of the body
        peer.sendall(answer(b"half", length=8))
        time.sleep(0.05)
        reset(peer)
    elif path == "/nothing":
        raise Done
    elif path == "/garbage":
        peer.sendall(b"220 mail.example.com ESMTP\r\n")
        raise Done
    elif path == "/size":  # so many bytes
        peer.sendall(answer(b"x" * int(query)))
    elif path == "/endless":
        endless(peer)
    elif path == "/many-headers":  # never ends
        peer.sendall(b"HTTP/1.1 200 OK\r\n")
        while True:
            peer.sendall(b"X-Filler: " + b"x" * 1000 + b"\r\n")
    else:
        peer.sendall(answer(b"not here", status="404 Not Found"))


def talk(peer, number, context, greeting):
    try:
        peer.sendall(greeting)
        if context:
            peer = context.wrap_socket(peer, server_side=True)
        stream = peer.makefile("rb")
        while True:
            serve(peer, number, *read_request(stream))
    except (Done, OSError, ValueError):
        pass
    finally:
        # makefile() keeps the descriptor; shutdown() would soften a reset.
        try:
            stream.close()
        except UnboundLocalError:
            pass
        peer.close()


def listen(options):
    if options.unix:
        server = socket.socket(socket.AF_UNIX)
        server.bind(options.unix)
    else:
        server = socket.socket()
        server.bind(("127.0.0.1", 0))
    server.listen(128)
    return server


def main():
    global connections
    parser = argparse.ArgumentParser()
    parser.add_argument("--tls", nargs=2, metavar=("CERTIFICATE", "KEY"))
    parser.add_argument("--unix")
    parser.add_argument("--greeting", default="")
    options = parser.parse_args()
    context = None
    if options.tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*options.tls)
    server = listen(options)
    print(0 if options.unix else server.getsockname()[1], flush=True)
    while True:
        peer, _ = server.accept()
        with lock:
            connections += 1
            number = connections
        talk_args = (peer, number, context, options.greeting.encode())
        threading.Thread(target=talk, args=talk_args, daemon=True).start()


if __name__ == "__main__":
    main()
