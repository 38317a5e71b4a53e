"""A web service of the example: answers each request with its own name.

Usage: app.py NAME [URL]. With a URL it asks there for each request, and adds what it was told:
`shop-blue prices-green`.
"""
import http.server
import signal
import sys
import urllib.error
import urllib.request

PORT = 8000


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Head and body leave together: apart, the second would wait for the first's acknowledgement.
    wbufsize = -1

    def do_GET(self):
        status, words = 200, [NAME]
        if URL and self.path != "/health":
            try:
                with urllib.request.urlopen(URL, timeout=5) as answer:
                    words.append(answer.read().decode().strip())
            except (OSError, urllib.error.URLError) as error:
                status = 502
                words.append(f"asked {URL}: {error}")
        body = (" ".join(words) + "\n").encode()
        self.send_response(status)
        self.send_header("content-type", "text/plain")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


NAME, URL = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else None
# The first process of a container is not ended by a signal that it does not handle.
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
Server(("", PORT), Handler).serve_forever()
