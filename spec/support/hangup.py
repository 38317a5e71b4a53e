"""A backend that reads each request and hangs up without an answer.

Usage: hangup.py PORT
Writes one line to standard output for each request that has reached it.
"""

import socketserver
import sys


class Handler(socketserver.BaseRequestHandler):
    def handle(self):
        request = b""
        while b"\r\n\r\n" not in request:
            more = self.request.recv(65536)
            if not more:
                return
            request += more
        print(request.split(b"\r\n", 1)[0].decode(), flush=True)


socketserver.ThreadingTCPServer.allow_reuse_address = True
with socketserver.ThreadingTCPServer(("127.0.0.1", int(sys.argv[1])), Handler) as server:
    server.serve_forever()
