"""HTTP backends for the system specs: each port answers with its own name.

Usage: backend.py NAME=PORT [NAME=PORT ...]   (PORT 0: any free one)
Prints one JSON object {name: port} once all of them listen, then serves until
it is ended. `/slow` anywhere in the path waits three seconds before answering.
A name that begins with `failing` answers 503.
Keep-alive, so that a connection that Envoy closes is Envoy's doing.
"""

import asyncio
import json
import sys

SLOW_SECONDS = 3


async def serve(name, reader, writer):
    body = name.encode()
    status = b"503 Busy" if name.startswith("failing") else b"200 OK"
    head = b"HTTP/1.1 " + status + b"\r\nx-backend: %s\r\ncontent-length: %d\r\n\r\n"
    try:
        while True:
            request = await reader.readuntil(b"\r\n\r\n")
            if b"/slow" in request.split(b"\r\n", 1)[0]:
                await asyncio.sleep(SLOW_SECONDS)
            writer.write(head % (body, len(body)) + body)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def main(pairs):
    ports, servers = {}, []
    for pair in pairs:
        name, port = pair.split("=")
        server = await asyncio.start_server(
            lambda r, w, name=name: serve(name, r, w), "127.0.0.1", int(port))
        ports[name] = server.sockets[0].getsockname()[1]
        servers.append(server)
    print(json.dumps(ports), flush=True)
    await asyncio.gather(*(server.serve_forever() for server in servers))


asyncio.run(main(sys.argv[1:]))
