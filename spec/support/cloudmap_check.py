"""Drives the Cloud Map endpoint of the specs with the real AWS SDK.

Usage: cloudmap_check.py ENDPOINT. Prints one JSON object: what the SDK read, by name.
"""
import json
import sys
import time
import urllib.request

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

endpoint = sys.argv[1]
seen = {}


def client(**options):
    return boto3.client(
        "servicediscovery", endpoint_url=endpoint, region_name="eu-central-1",
        aws_access_key_id="A", aws_secret_access_key="s", config=Config(
            inject_host_prefix=False, retries={"total_max_attempts": 1}, **options))


def control(path, value=None):
    request = urllib.request.Request(endpoint + path, method="PUT" if value else "GET",
                                     data=value and json.dumps(value).encode())
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


def raised(call, **parameters):
    """The class that the SDK raises, and the HTTP status it saw."""
    try:
        call(**parameters)
    except ClientError as error:
        return [type(error).__name__, error.response["ResponseMetadata"]["HTTPStatusCode"]]
    return ["nothing", 200]


def settings(port):
    return {"AWS_INSTANCE_IPV4": "10.0.0.1", "AWS_INSTANCE_PORT": str(port)}


def names_and_pages(api, namespace):
    services = [api.create_service(Name=f"s{i}", NamespaceId=namespace)["Service"]
                for i in range(5)]
    control("/change", {"page_size": 2})
    pages = list(api.get_paginator("list_services").paginate(
        Filters=[{"Name": "NAMESPACE_ID", "Values": [namespace], "Condition": "EQ"}]))
    seen["pages of services"] = [len(page["Services"]) for page in pages]
    seen["services"] = [one["Name"] for page in pages for one in page["Services"]]
    api.create_http_namespace(Name="b.local")
    api.create_http_namespace(Name="c.local")
    pages = list(api.get_paginator("list_namespaces").paginate())
    seen["namespaces"] = [one["Name"] for page in pages for one in page["Namespaces"]]
    seen["pages of namespaces"] = len(pages)
    seen["namespace by name"] = [one["Name"] for one in api.list_namespaces(
        Filters=[{"Name": "NAME", "Values": ["b.local"], "Condition": "EQ"}])["Namespaces"]]
    first = services[0]
    seen["service by id and ARN"] = [api.get_service(Id=first[key])["Service"]["Name"]
                                     for key in ("Id", "Arn")]
    arn = api.get_namespace(Id=namespace)["Namespace"]["Arn"]
    seen["namespace by ARN"] = api.get_namespace(Id=arn)["Namespace"]["Id"] == namespace
    seen["services by the namespace's ARN"] = len(api.list_services(
        Filters=[{"Name": "NAMESPACE_ID", "Values": [arn]}])["Services"])
    return first["Id"]


def instances(api, service):
    def discover(**more):
        return api.discover_instances(NamespaceName="a.local", ServiceName="s0", **more)

    def revision():
        return api.discover_instances_revision(
            NamespaceName="a.local", ServiceName="s0")["InstancesRevision"]

    before = revision()
    for port in (9001, 9002):
        api.register_instance(ServiceId=service, InstanceId="i", Attributes=settings(port))
    found = discover()
    seen["registered twice"] = [one["Attributes"]["AWS_INSTANCE_PORT"]
                                for one in found["Instances"]]
    seen["revision moves"] = [revision() - before, found["InstancesRevision"] - before]
    for i in range(120):
        api.register_instance(ServiceId=service, InstanceId=f"n{i:03}", Attributes=settings(i + 1))
    pages = list(api.get_paginator("list_instances").paginate(ServiceId=service))
    seen["instances listed"] = sum(len(page["Instances"]) for page in pages)
    seen["instances by default"] = len(discover()["Instances"])
    orders = [[one["InstanceId"] for one in discover(MaxResults=1000)["Instances"]]
              for _ in range(2)]
    seen["order differs"] = orders[0] != orders[1]
    seen["all discovered"] = len(set(orders[0]))
    seen["by attribute"] = [one["InstanceId"] for one in discover(
        QueryParameters={"AWS_INSTANCE_PORT": "7"})["Instances"]]
    before = revision()
    api.deregister_instance(ServiceId=service, InstanceId="i")
    seen["revision moves on deregistration"] = revision() - before
    seen["deregistered again"] = raised(api.deregister_instance, ServiceId=service, InstanceId="i")


def health(api, namespace):
    service = api.create_service(Name="checked", NamespaceId=namespace, HealthCheckCustomConfig={
        "FailureThreshold": 1})["Service"]["Id"]
    for name in "ab":
        api.register_instance(ServiceId=service, InstanceId=name, Attributes=settings(9001))

    def discovered(status):
        answer = api.discover_instances(NamespaceName="a.local", ServiceName="checked",
                                        HealthStatus=status)
        return sorted(one["InstanceId"] for one in answer["Instances"]), answer["InstancesRevision"]

    before = discovered("ALL")[1]
    api.update_instance_custom_health_status(ServiceId=service, InstanceId="a", Status="UNHEALTHY")
    for status in ("HEALTHY", "UNHEALTHY", "ALL", "HEALTHY_OR_ELSE_ALL"):
        seen[status] = discovered(status)[0]
    seen["revision stays on health"] = discovered("ALL")[1] == before
    api.update_instance_custom_health_status(ServiceId=service, InstanceId="b", Status="UNHEALTHY")
    seen["fails open"] = discovered("HEALTHY_OR_ELSE_ALL")[0]
    seen["none healthy"] = discovered("HEALTHY")[0]


def attributes(api, service):
    def read():
        return api.get_service_attributes(ServiceId=service)["ServiceAttributes"].get("Attributes")

    seen["attributes at first"] = read()
    api.update_service_attributes(ServiceId=service, Attributes={"/a": "1", "/b": "2"})
    api.update_service_attributes(ServiceId=service, Attributes={"/b": "3"})
    seen["attributes merged"] = read()
    api.delete_service_attributes(ServiceId=service, Attributes=["/a"])
    seen["attributes deleted"] = read()
    seen["too many attributes"] = raised(
        api.update_service_attributes, ServiceId=service,
        Attributes={f"/{i}": "1" for i in range(30)})


def errors(api, namespace):
    seen["no service"] = raised(api.get_service, Id="srv-none")
    seen["no namespace"] = raised(api.get_namespace, Id="ns-none")
    seen["no namespace of that name"] = raised(
        api.discover_instances, NamespaceName="none.local", ServiceName="s0")
    seen["no service of that name"] = raised(
        api.discover_instances, NamespaceName="a.local", ServiceName="none")
    seen["namespace made twice"] = raised(api.create_http_namespace, Name="a.local")
    seen["service made twice"] = raised(api.create_service, Name="s0", NamespaceId=namespace)


def shared(api):
    control("/change", {
        "namespaces": [{"Id": "ns-far", "Name": "far.local", "HttpName": "far.local",
                        "Shared": True, "Arn": "arn:aws:servicediscovery:eu-central-1:"
                        "210987654321:namespace/ns-far"}],
        "services": [{"Id": "srv-far", "Name": "far", "NamespaceId": "ns-far", "Instances": [],
                      "Shared": True, "Owner": "210987654321", "Arn": "arn:aws:servicediscovery:"
                      "eu-central-1:210987654321:service/srv-far"}]})
    seen["shared by id"] = raised(api.get_namespace, Id="ns-far")
    seen["shared by ARN"] = api.get_namespace(
        Id="arn:aws:servicediscovery:eu-central-1:210987654321:namespace/ns-far")[
            "Namespace"]["ResourceOwner"]
    where = {"NamespaceName": "far.local", "ServiceName": "far"}
    seen["shared, without its owner"] = raised(api.discover_instances, **where)
    seen["shared, with its owner"] = raised(
        api.discover_instances, OwnerAccount="210987654321", **where)


def throttling(api):
    control("/change", {"limits": {"ListServices": {"rate": 5, "burst": 3}}})
    seen["three calls and one"] = [raised(api.list_services)[0] for _ in range(4)]
    seen["throttled with"] = raised(api.list_services)
    time.sleep(0.5)
    seen["half a second later"] = raised(api.list_services)
    control("/change", {"limits": {"none": {"rate": 1, "burst": 1}}})


def connections():
    """Many calls one after the other, as the server counts their connections."""
    api = client(max_pool_connections=1)
    before = len(control("/requests")["requests"])
    for _ in range(50):
        api.list_services()
    asked = control("/requests")["requests"][before:]
    seen["calls on one connection"] = [len(asked), len({one["connection"] for one in asked})]


def clocks(api):
    control("/change", {"clock": 7200})
    seen["clock ahead"] = raised(api.list_services)
    control("/change", {"clock": 0, "seed": 1})


def main():
    api = client()
    operation = api.create_http_namespace(Name="a.local")["OperationId"]
    done = api.get_operation(OperationId=operation)["Operation"]
    seen["operation"] = done["Status"]
    namespace = done["Targets"]["NAMESPACE"]
    service = names_and_pages(api, namespace)
    instances(api, service)
    health(api, namespace)
    attributes(api, service)
    errors(api, namespace)
    connections()
    throttling(api)
    clocks(api)
    shared(api)
    seen["violations"] = control("/requests")["violations"]
    # The model's limits bind requests as they bind answers; the SDK leaves some of them to AWS.
    seen["beyond a limit"] = raised(api.list_services, MaxResults=101)
    seen["violations after that"] = len(control("/requests")["violations"])
    print(json.dumps(seen))


main()
