#!/usr/bin/env python3
"""What the older tool did: one complete reading with boto3, rendered with pystache.

Usage: peer.py FOLDER, with AWS_ENDPOINT_URL, SERVICE_MEMBER and SERVICE_PORT
in the environment. One process makes one pass: get_service, get_namespace, all
pages of list_services, then list_instances and discover_instances of each.
Prints one line of JSON: its calls, the bytes of its files, its peak in MiB.
"""

import json
import os
import re
import sys

import boto3
import botocore.config
import pystache

TEMPLATES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "templates")
SETTINGS = "service-settings"


def read(cloud, member):
    """All services of the member's namespace; returns its name, them, and the number of calls."""
    own = cloud.get_service(Id=member)["Service"]
    namespace = cloud.get_namespace(Id=own["NamespaceId"])["Namespace"]
    services, calls = [], 2
    pages = cloud.get_paginator("list_services").paginate(
        Filters=[{"Name": "NAMESPACE_ID", "Values": [namespace["Id"]]}])
    for page in pages:
        calls += 1
        for service in page["Services"]:
            listed = cloud.list_instances(ServiceId=service["Id"])["Instances"]
            found = cloud.discover_instances(
                NamespaceName=namespace["Name"], ServiceName=service["Name"],
                MaxResults=1000, HealthStatus="ALL")["Instances"]
            settings = [one["Attributes"] for one in listed if one["Id"] == SETTINGS]
            services.append({"name": service["Name"], "instances": found,
                             "settings": settings[0] if settings else {}})
            calls += 2
    return own, namespace["Name"], services, calls


def endpoints_of(instances):
    """The addresses of a service-colour, sorted; the settings' instance has none."""
    return sorted(
        ({"address": one["Attributes"]["AWS_INSTANCE_IPV4"],
          "port": int(one["Attributes"]["AWS_INSTANCE_PORT"])}
         for one in instances if "AWS_INSTANCE_IPV4" in one["Attributes"]),
        key=lambda one: (one["address"], one["port"]))


def view_of(own, mesh, services, folder, port):
    """The templates' input: the mesh as the own service sees it."""
    mine = [one["settings"].get("SERVICE") for one in services if one["name"] == own["Name"]]
    clusters, routes = [], {}
    for one in sorted(services, key=lambda service: service["name"]):
        settings = one["settings"]
        endpoints = endpoints_of(one["instances"])
        if not endpoints or settings.get("SERVICE") in mine:
            continue
        name = f"{settings['SERVICE']}-{settings['COLOR']}@{mesh}"
        clusters.append({"name": name, "endpoints": endpoints})
        for key, value in settings.items():
            if re.match(r"\??/", key):
                routes.setdefault(key.lstrip("?"), []).append(
                    {"name": name, "weight": int(value)})
    return {
        "listener": f"private-{port}", "port": port, "folder": folder, "clusters": clusters,
        "routes": [{"path": path, "shares": routes[path]}
                   for path in sorted(routes, key=lambda path: (-len(path), path))]}


def publish(view, folder):
    """Renders the files and replaces those that differ; returns the bytes of all of them."""
    renderer, size = pystache.Renderer(escape=lambda text: text), 0
    os.makedirs(os.path.join(folder, "rds"), exist_ok=True)
    for source, name in (("cds", "cds.yaml"), ("rds", f"rds/{view['listener']}.yaml"),
                         ("lds", "lds.yaml")):
        with open(os.path.join(TEMPLATES, source + ".yaml.mustache"), encoding="utf-8") as file:
            text = renderer.render(file.read(), view).encode()
        size += len(text)
        path = os.path.join(folder, name)
        if os.path.exists(path):
            with open(path, "rb") as file:
                if file.read() == text:
                    continue
        with open(path + ".new", "wb") as file:
            file.write(text)
        os.rename(path + ".new", path)
    return size


def peak():
    """The most memory this process has held, in MiB."""
    with open("/proc/self/status", encoding="ascii") as file:
        return int(re.search(r"VmHWM:\s+(\d+)", file.read())[1]) / 1024


def main():
    folder = sys.argv[1]
    cloud = boto3.client("servicediscovery", endpoint_url=os.environ["AWS_ENDPOINT_URL"],
                         config=botocore.config.Config(inject_host_prefix=False))
    own, mesh, services, calls = read(cloud, os.environ["SERVICE_MEMBER"])
    view = view_of(own, mesh, services, folder, int(os.environ["SERVICE_PORT"]))
    size = publish(view, folder)
    print(json.dumps({"calls": calls, "bytes": size, "peak": peak()}))


if __name__ == "__main__":
    main()
