"""Keep-alive load for the system specs.

Usage: load.py URL CONNECTIONS [RATE]
Sends requests on CONNECTIONS connections, one after the other on each, about
RATE a second in all (default 500), until SIGTERM. Then prints one
JSON object: {"requests", "failed", "closed", "statuses": {"200": n},
"backends": {name: n}, "errors": [first few]}. A connection that the server
closed between two requests, or asked to close, counts in "closed".
"""

import asyncio
import collections
import json
import signal
import sys
import urllib.parse


class Load:
    def __init__(self, url, connections, rate):
        parts = urllib.parse.urlsplit(url)
        self.host, self.port = parts.hostname, parts.port
        self.head = (f"GET {parts.path or '/'} HTTP/1.1\r\n"
                     f"host: {parts.netloc}\r\n\r\n").encode()
        self.connections, self.pause = connections, connections / rate
        self.stopping = False
        self.requests = self.failed = self.closed = 0
        self.statuses = collections.Counter()
        self.backends = collections.Counter()
        self.errors = []

    def fault(self, error):
        self.failed += 1
        if len(self.errors) < 5:
            self.errors.append(repr(error))

    async def one(self, reader, writer):
        """One request; true if the connection may go on."""
        writer.write(self.head)
        await writer.drain()
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        lines = head.split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines[1:] if line)
        await reader.readexactly(int(headers.get("content-length", 0)))
        status = lines[0].split()[1]
        self.requests += 1
        self.statuses[status] += 1
        if status != "200":
            self.fault(lines[0])
        self.backends[headers.get("x-backend", "none")] += 1
        return headers.get("connection") != "close"

    async def connection(self):
        while not self.stopping:
            try:
                reader, writer = await asyncio.open_connection(
                    self.host, self.port)
            except OSError as error:
                self.fault(error)
                await asyncio.sleep(0.1)
                continue
            try:
                going = True
                while going and not self.stopping:
                    going = await self.one(reader, writer)
                    await asyncio.sleep(self.pause)
                if not going:
                    self.closed += 1
            except (OSError, EOFError) as error:
                self.closed += 1
                self.fault(error)
            finally:
                writer.close()

    async def run(self):
        loop = asyncio.get_running_loop()
        stop = asyncio.Event()
        loop.add_signal_handler(signal.SIGTERM, stop.set)
        tasks = [asyncio.create_task(self.connection())
                 for _ in range(self.connections)]
        await stop.wait()
        self.stopping = True
        await asyncio.gather(*tasks)
        print(json.dumps({
            "requests": self.requests, "failed": self.failed,
            "closed": self.closed, "statuses": self.statuses,
            "backends": self.backends, "errors": self.errors}))


rate = float(sys.argv[3]) if len(sys.argv) > 3 else 500
asyncio.run(Load(sys.argv[1], int(sys.argv[2]), rate).run())
