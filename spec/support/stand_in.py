#!/usr/bin/env python3
"""Stands in for Envoy where a real one cannot be brought to do what a spec needs.

It takes Envoy's arguments; its bootstrap is JSON with the `port` of its listener.
While FOLDER/silent is there (FOLDER is the bootstrap's) the admin interface takes
connections and says nothing; with FOLDER/mute it does not listen at all; with
FOLDER/deaf the listener says nothing either. SIGTERM ends it.
"""

import http.server
import json
import os
import signal
import sys
import threading
import time

signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
options = dict(zip(sys.argv[1::2], sys.argv[2::2]))
folder = os.path.dirname(options["--config-path"])
with open(options["--config-path"]) as file:
    bootstrap = json.load(file)


def there(name):
    return os.path.exists(os.path.join(folder, name))


def handler(silence, body):
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            while there(silence):
                time.sleep(0.05)
            text = body.encode()
            self.send_response(200)
            self.send_header("content-length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_POST = do_GET

        def log_message(self, *_):
            pass

    return Handler


def serve(port, *arguments):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", port), handler(*arguments))
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]


serve(bootstrap["port"], "deaf", "served")
if not there("mute"):
    epoch = options.get("--restart-epoch", "0")
    port = serve(0, "silent", f"server.hot_restart_epoch: {epoch}\nserver.state: 0\n")
    with open(options["--admin-address-path"] + ".new", "w") as file:
        file.write(f"127.0.0.1:{port}")
    os.rename(options["--admin-address-path"] + ".new", options["--admin-address-path"])
while True:
    time.sleep(60)
