"""Keep-alive load for the system specs.

Usage: load.py URL[,URL...] CONNECTIONS [RATE [TALLY]]
Sends requests on CONNECTIONS connections, one after the other on each, about
RATE a second in all (default 500), until SIGTERM; of several URLs, which are of
one server, each connection has one. Then prints one
JSON object: {"requests", "failed", "closed", "statuses": {"200": n},
"backends": {name: n}, "errors": [first few]}. A connection that the server
closed between two requests, or asked to close, counts in "closed". A request that
is not answered within ten seconds has failed.
The same, with "at" (seconds since 1970) and the last few errors with their times,
is written to the file TALLY ten times a second.
"""

import asyncio
import collections
import json
import os
import signal
import sys
import time
import urllib.parse

PATIENCE = 10  # seconds
TALLY_PAUSE = 0.1


class Load:
    def __init__(self, urls, connections, rate, tally=None):
        parts = [urllib.parse.urlsplit(url) for url in urls.split(",")]
        self.host, self.port = parts[0].hostname, parts[0].port
        self.heads = [(f"GET {one.path or '/'} HTTP/1.1\r\n"
                       f"host: {one.netloc}\r\n\r\n").encode() for one in parts]
        self.tally = tally
        self.connections, self.pause = connections, connections / rate
        self.stopping = False
        self.requests = self.failed = self.closed = 0
        self.statuses = collections.Counter()
        self.backends = collections.Counter()
        self.errors = []
        self.latest = collections.deque(maxlen=10)

    def fault(self, error):
        self.failed += 1
        if len(self.errors) < 5:
            self.errors.append(repr(error))
        self.latest.append(f"{time.time():.3f} {error!r}")

    async def one(self, reader, writer, head):
        """One request; true if the connection may go on."""
        writer.write(head)
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

    async def connection(self, number):
        head = self.heads[number % len(self.heads)]
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
                    async with asyncio.timeout(PATIENCE):
                        going = await self.one(reader, writer, head)
                    await asyncio.sleep(self.pause)
                if not going:
                    self.closed += 1
            except (OSError, EOFError) as error:
                self.closed += 1
                self.fault(error)
            finally:
                writer.close()

    def seen(self):
        return {"requests": self.requests, "failed": self.failed,
                "closed": self.closed, "statuses": self.statuses,
                "backends": self.backends, "errors": self.errors}

    async def keep_tally(self):
        while True:
            with open(self.tally + ".new", "w") as file:
                json.dump(self.seen() | {"at": time.time(), "latest": list(self.latest)}, file)
            os.rename(self.tally + ".new", self.tally)
            await asyncio.sleep(TALLY_PAUSE)

    async def run(self):
        loop = asyncio.get_running_loop()
        stop = asyncio.Event()
        loop.add_signal_handler(signal.SIGTERM, stop.set)
        tasks = [asyncio.create_task(self.connection(number))
                 for number in range(self.connections)]
        tally = asyncio.create_task(self.keep_tally()) if self.tally else None
        await stop.wait()
        self.stopping = True
        await asyncio.gather(*tasks)
        if tally:
            tally.cancel()
        print(json.dumps(self.seen()))


rate = float(sys.argv[3]) if len(sys.argv) > 3 else 500
asyncio.run(Load(sys.argv[1], int(sys.argv[2]), rate, *sys.argv[4:5]).run())
