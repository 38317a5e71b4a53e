"""What stands around the agent in the demo: free ports, a copy of the mesh, its backends, a log."""

import json
import os
import re
import socket
import threading
import time
import zlib

MESH_PORT, ADMIN_PORT = 8080, 9901   # the agent's defaults, taken when they are free
WARNING_TIME = 8                     # seconds for which a warning is worth showing
LOG_LIMIT = 16 * 1024 * 1024         # bytes; an access log must not fill a disk overnight
TYPE = "type.googleapis.com/envoy.extensions.filters."


def is_free(port):
    """Whether nobody listens on this port, on any address."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("0.0.0.0", port))
            probe.listen(1)
            return True
        except OSError:
            return False


def free_port(wanted, taken):
    """`wanted` if it is free, else one that the kernel picks. Adds it to the set `taken`."""
    port = wanted
    while port in taken or not is_free(port):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
    taken.add(port)
    return port


def copy_mesh(source, target, taken):
    """Copy the example, with another port for each that somebody else has. Returns the changes."""
    changed = []

    def replace(match):
        port = free_port(int(match[2]), taken)
        if port != int(match[2]):
            changed.append((int(match[2]), port))
        return match[1] + str(port)

    with open(source, encoding="utf-8") as file:
        lines = file.read().splitlines()
    with open(target, "w", encoding="utf-8") as file:
        for line in lines:
            if not line.lstrip().startswith("#"):
                line = re.sub(r"(\bport:\s*)(\d+)", replace, line)
            file.write(line + "\n")
    return changed


def backend(cluster, instance):
    """A listener that answers every request itself, and says in a header which cluster it is."""
    attributes = instance["attributes"]
    address = attributes.get("AWS_INSTANCE_IPV4") or attributes["AWS_INSTANCE_IPV6"]
    route = {
        "match": {"prefix": "/"},
        "direct_response": {"status": 200,
                            "body": {"inline_string": f"{cluster} {instance['id']}\n"}},
        "response_headers_to_add": [{"header": {"key": "x-cluster", "value": cluster}}],
    }
    manager = {
        "@type": TYPE + "network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "backend",
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [route]}]},
        "http_filters": [{"name": "envoy.filters.http.router",
                          "typed_config": {"@type": TYPE + "http.router.v3.Router"}}],
    }
    return {
        "name": f"{cluster} {instance['id']}",
        "address": {"socket_address": {"address": address,
                                       "port_value": int(attributes["AWS_INSTANCE_PORT"])}},
        "filter_chains": [{"filters": [{"name": "http", "typed_config": manager}]}],
    }


def is_local(instance):
    """Only what this machine can stand in for gets a backend."""
    attributes = instance["attributes"]
    address = attributes.get("AWS_INSTANCE_IPV4") or attributes.get("AWS_INSTANCE_IPV6") or ""
    return address.startswith("127.") or address == "::1"


def write_backends(snapshot, path):
    """The bootstrap of the Envoy that plays every local instance of the snapshot."""
    listeners = [backend(f"{service['name']}@{mesh['name']}", instance)
                 for mesh in snapshot["meshes"] for service in mesh["services"]
                 for instance in service["instances"] if is_local(instance)]
    with open(path, "w", encoding="utf-8") as file:
        json.dump({"node": {"id": "backends", "cluster": "demo"},
                   "static_resources": {"listeners": listeners}}, file, indent=1)
    return [one["address"]["socket_address"]["port_value"] for one in listeners]


def base_id(folder):
    """The same Envoy base id for each demo in this folder, which its lock keeps to one at a time:
    what a killed one left in shared memory is taken over by the next. Returns it and its file."""
    number = zlib.crc32(os.fsencode(folder)) % 0xFFFFFF + 1
    return number, f"/dev/shm/envoy_shared_memory_{number * 10}"


class Log:
    """Copies a pipe to a file, from the start again when the file has grown to LOG_LIMIT.
    Remembers the last line that warns, for those who look at the table and not at the log."""

    def __init__(self, pipe, path):
        self.path = path
        self.lines = []
        self._pipe = pipe
        self._warning, self._warned = None, 0.0
        self._thread = threading.Thread(target=self._copy, daemon=True)
        self._thread.start()

    def warning(self):
        """The last line that warns, unless it is old news."""
        if time.monotonic() - self._warned > WARNING_TIME:
            return None
        return re.sub(r"^time=\S+ level=", "", self._warning)

    def join(self):
        self._thread.join(2)

    def _copy(self):
        with self._pipe, open(self.path, "wb") as file:
            for line in self._pipe:
                if file.tell() > LOG_LIMIT:
                    file.seek(0)
                    file.truncate()
                file.write(line)
                file.flush()
                text = line.decode("utf-8", "replace").rstrip()
                self.lines = self.lines[-9:] + [text]
                if re.search(r"\blevel=(warn|error)", text):
                    self._warning, self._warned = text, time.monotonic()
