"""Answers each request on a Unix socket with its method and path.

Usage: socket_peer.py SOCKET. Runs until it is stopped.
"""
import http.server
import socketserver
import sys


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self):
        body = f"{self.command} {self.path}\n".encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = answer

    def address_string(self):
        return "socket"

    def log_message(self, *_):
        pass


socketserver.UnixStreamServer(sys.argv[1], Handler).serve_forever()
