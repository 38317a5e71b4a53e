"""The generated meshes, and the endpoint in bench/go/server that speaks for one of them."""

import collections
import json
import os
import ssl
import subprocess
import urllib.request

Size = collections.namedtuple("Size", "services colors instances")
SIZES = {"S": Size(20, 2, 3), "M": Size(100, 2, 10), "L": Size(500, 2, 20)}
AT_A_TIME = 8  # calls, by nightjar and by the peer in Go
# What Debian trusts: everyone has these to look through in life.
SYSTEM = "/etc/ssl/certs/ca-certificates.crt"
PREFIX = "Route53AutoNaming_v20170314."


def endpoints(name):
    """How many endpoints a mesh has."""
    size = SIZES[name]
    return size.services * size.colors * size.instances


def with_system(ca, folder):
    """A file of the system's authorities and the given one."""
    path = os.path.join(folder, "authorities.pem")
    with open(path, "wb") as out:
        for one in (SYSTEM, ca):
            with open(one, "rb") as file:
                out.write(file.read())
    return path


class Endpoint:
    """A running server; `told` is what it says of itself: endpoint, namespace, member, ca."""

    def __init__(self, programs, size, variant, folder):
        command = [f"{programs}/server", "--latency", f"{variant.latency}ms",
                   "--services", str(size.services), "--colors", str(size.colors),
                   "--instances", str(size.instances)]
        if variant.tls:
            command += ["--tls", "--folder", folder]
        if variant.closing:
            command.append("--close")
        if variant.ending:
            command += ["--idle", "100ms"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.told = json.loads(self.process.stdout.readline())
        if variant.tls and os.path.exists(SYSTEM):
            self.told["ca"] = with_system(self.told["ca"], folder)
        self.url = self.told["endpoint"]
        self.context = ssl.create_default_context(cafile=self.told.get("ca"))
        self.opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=self.context))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()
        self.process.stdout.close()

    def ask(self, method, path, body=None, headers=None):
        request = urllib.request.Request(self.url + path, method=method, data=body,
                                         headers=headers or {})
        with self.opener.open(request, timeout=60) as answer:
            return json.load(answer)

    def reset(self):
        self.ask("POST", "/_bench/reset")

    def counts(self):
        return self.ask("GET", "/_bench/counts")

    def change(self):
        return self.ask("POST", "/_bench/change")

    def told_at(self):
        """When somebody was first told of the last change, in seconds since 1970."""
        return self.ask("GET", "/_bench/told")["at"]

    def latency(self, ms):
        self.ask("POST", f"/_bench/latency?ms={ms}")

    def services(self):
        """Ids and names, by the same operation that everyone uses."""
        found, token = [], None
        while True:
            given = {"MaxResults": 100, **({"NextToken": token} if token else {})}
            answer = self.ask("POST", "/", json.dumps(given).encode(),
                              {"X-Amz-Target": PREFIX + "ListServices"})
            found += [(one["Id"], one["Name"]) for one in answer["Services"]]
            token = answer.get("NextToken")
            if not token:
                return found

    def requests(self, operations):
        """As many requests of each operation as given, for limits.c: one a line."""
        services, told, lines = self.services(), self.told, []
        for operation, number in sorted(operations.items()):
            for position in range(number):
                service, name = services[position % len(services)]
                body = {
                    "GetService": {"Id": told["member"]},
                    "GetNamespace": {"Id": told["namespace"]},
                    "ListServices": {"MaxResults": 100, "Filters": [
                        {"Name": "NAMESPACE_ID", "Values": [told["namespace"]],
                         "Condition": "EQ"}]},
                    "DiscoverInstances": {
                        "NamespaceName": told["name"], "ServiceName": name,
                        "MaxResults": 1000, "HealthStatus": "ALL"},
                }.get(operation, {"ServiceId": service})
                lines.append(f"{operation}\t{json.dumps(body, separators=(',', ':'))}\n")
        return "".join(lines)
