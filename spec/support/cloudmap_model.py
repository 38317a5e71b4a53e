"""What Cloud Map knows and answers, for cloudmap.py: operations on one table of state.

Shapes, limits and error codes are those of AWS's public service model, API 2017-03-14.
"""
import random
import string
import time

ACCOUNT, OWNER = "123456789012", "210987654321"  # OWNER shares namespaces with ACCOUNT
REGION = "eu-central-1"
MOST_ATTRIBUTES = 30

state = {}


class Problem(Exception):
    def __init__(self, status, code, message):
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


def reset(new):
    state.clear()
    state.update({"namespaces": [], "services": [], "page_size": 100, "faults": [], "limits": {},
                  "clock": 0, "seed": 1, "credentials": None, "requests": [], "violations": [],
                  "operations": {}, "buckets": {}})
    state.update(new)
    state["random"] = random.Random(state["seed"])


def new_id(prefix):
    letters = string.ascii_lowercase + string.digits
    return prefix + "".join(state["random"].choices(letters, k=16))


def arn(kind, name):
    return f"arn:aws:servicediscovery:{REGION}:{ACCOUNT}:{kind}/{name}"


def operation(kind, targets):
    """What changes something answers at once with the id of an operation."""
    made = new_id("op-")
    state["operations"][made] = {"Id": made, "Type": kind, "Status": "SUCCESS",
                                 "Targets": targets, "CreateDate": int(time.time())}
    return {"OperationId": made}


def get_operation(given):
    if given["OperationId"] not in state["operations"]:
        raise Problem(404, "OperationNotFound", given["OperationId"])
    return {"Operation": state["operations"][given["OperationId"]]}


def throttled(name):
    """A token bucket for each operation with a limit: {rate, burst} of calls a second."""
    limit = state["limits"].get(name)
    if not limit:
        return False
    now = time.monotonic()
    tokens, then = state["buckets"].get(name, (limit["burst"], now))
    tokens = min(limit["burst"], tokens + (now - then) * limit["rate"])
    state["buckets"][name] = (tokens - (tokens >= 1), now)
    return tokens < 1


def answers_to(item, name):
    """What another account shares has no meaning by its id alone."""
    return name == item["Arn"] or (name == item["Id"] and not item.get("Shared"))


def by_name(kind, name):
    for item in state[kind]:
        if answers_to(item, name):
            return item
    code = "NamespaceNotFound" if kind == "namespaces" else "ServiceNotFound"
    raise Problem(404, code, f"{name} was not found")


def page(items, given, field):
    token = given.get("NextToken", "0")
    if not token.isdigit():
        raise Problem(400, "InvalidInput", "NextToken is none of ours")
    start, size = int(token), min(state["page_size"], given.get("MaxResults", 100))
    answer = {field: items[start:start + size]}
    if start + size < len(items):
        answer["NextToken"] = str(start + size)
    return answer


def wanted(given, name, value):
    """Whether a filter of a list, if there is one of this name, lets a value through."""
    return all(value in one["Values"] for one in given.get("Filters", []) if one["Name"] == name)


# Namespaces

def described(namespace):
    return {"Id": namespace["Id"], "Arn": namespace["Arn"], "Name": namespace["Name"],
            "ResourceOwner": OWNER if namespace.get("Shared") else ACCOUNT, "Type": "HTTP",
            "ServiceCount": sum(one["NamespaceId"] == namespace["Id"]
                                for one in state["services"]),
            "Properties": {"HttpProperties": {"HttpName": namespace["HttpName"]}}}


def create_http_namespace(given):
    if any(one["Name"] == given["Name"] and not one.get("Shared") for one in state["namespaces"]):
        raise Problem(400, "NamespaceAlreadyExists", given["Name"])
    made = new_id("ns-")
    state["namespaces"].append({"Id": made, "Arn": arn("namespace", made),
                                "Name": given["Name"], "HttpName": given["Name"]})
    return operation("CREATE_NAMESPACE", {"NAMESPACE": made})


def get_namespace(given):
    return {"Namespace": described(by_name("namespaces", given["Id"]))}


def list_namespaces(given):
    found = [described(one) for one in state["namespaces"]]
    return page([one for one in found
                 if wanted(given, "NAME", one["Name"]) and wanted(given, "TYPE", one["Type"])
                 and wanted(given, "HTTP_NAME", one["Properties"]["HttpProperties"]["HttpName"])
                 and wanted(given, "RESOURCE_OWNER", "OTHER_ACCOUNTS"
                            if one["ResourceOwner"] == OWNER else "SELF")],
                given, "Namespaces")


# Services

def summary(service, *more):
    answer = {key: service[key] for key in ("Id", "Arn", "Name", *more)}
    answer["InstanceCount"] = len(service["Instances"])
    if "Owner" in service:
        answer["ResourceOwner"] = service["Owner"]
    if "HealthCheckCustomConfig" in service:
        answer["HealthCheckCustomConfig"] = service["HealthCheckCustomConfig"]
    return answer


def create_service(given):
    namespace = by_name("namespaces", given.get("NamespaceId", ""))
    if any((one["NamespaceId"], one["Name"]) == (namespace["Id"], given["Name"])
           for one in state["services"]):
        raise Problem(400, "ServiceAlreadyExists", given["Name"])
    made = new_id("srv-")
    service = {"Id": made, "Arn": arn("service", made), "Name": given["Name"],
               "NamespaceId": namespace["Id"], "Instances": [], "Attributes": {}}
    if "HealthCheckCustomConfig" in given:
        service["HealthCheckCustomConfig"] = {"FailureThreshold": 1}
    state["services"].append(service)
    return {"Service": summary(service, "NamespaceId")}


def delete_service(given):
    service = by_name("services", given["Id"])
    if service["Instances"]:
        raise Problem(409, "ResourceInUse", f"{service['Id']} has instances")
    state["services"].remove(service)
    return {}


def get_service(given):
    return {"Service": summary(by_name("services", given["Id"]), "NamespaceId")}


def list_services(given):
    ids = [one["Id"] for one in state["namespaces"]
           if any(wanted(given, "NAMESPACE_ID", name) and answers_to(one, name)
                  for name in (one["Id"], one["Arn"]))]
    return page([summary(one) for one in state["services"] if one["NamespaceId"] in ids],
                given, "Services")


def get_service_attributes(given):
    service = by_name("services", given["ServiceId"])
    return {"ServiceAttributes": {"ServiceArn": service["Arn"],
                                  "ResourceOwner": service.get("Owner", ACCOUNT)}
            | ({"Attributes": service["Attributes"]} if service.get("Attributes") else {})}


def update_service_attributes(given):
    service = by_name("services", given["ServiceId"])
    merged = service.get("Attributes", {}) | given["Attributes"]
    if len(merged) > MOST_ATTRIBUTES:
        raise Problem(400, "ServiceAttributesLimitExceededException", f"{len(merged)} attributes")
    service["Attributes"] = merged
    return {}


def delete_service_attributes(given):
    service = by_name("services", given["ServiceId"])
    for name in given["Attributes"]:
        service.get("Attributes", {}).pop(name, None)
    return {}


# Instances

def instance_of(service, name):
    for one in service["Instances"]:
        if one["InstanceId"] == name:
            return one
    raise Problem(404, "InstanceNotFound", name)


def moved(service):
    service["Revision"] = service.get("Revision", 1) + 1


def register_instance(given):
    """An id that is there is replaced: it never becomes two instances."""
    service = by_name("services", given["ServiceId"])
    attributes = dict(given["Attributes"])
    health = attributes.pop("AWS_INIT_HEALTH_STATUS", "HEALTHY")
    new = {"InstanceId": given["InstanceId"], "Attributes": attributes}
    if "HealthCheckCustomConfig" in service:
        new["HealthStatus"] = health
    service["Instances"] = [one for one in service["Instances"]
                            if one["InstanceId"] != given["InstanceId"]] + [new]
    moved(service)
    return operation("REGISTER_INSTANCE", {"INSTANCE": given["InstanceId"],
                                           "SERVICE": service["Id"]})


def deregister_instance(given):
    service = by_name("services", given["ServiceId"])
    service["Instances"].remove(instance_of(service, given["InstanceId"]))
    moved(service)
    return operation("DEREGISTER_INSTANCE", {"INSTANCE": given["InstanceId"],
                                             "SERVICE": service["Id"]})


def list_instances(given):
    service = by_name("services", given["ServiceId"])
    return page([{"Id": one["InstanceId"], "Attributes": one["Attributes"]}
                 for one in service["Instances"]], given, "Instances")


def update_instance_custom_health_status(given):
    """Moves no revision: who looks at that alone does not see it."""
    service = by_name("services", given["ServiceId"])
    one = instance_of(service, given["InstanceId"])
    if "HealthCheckCustomConfig" not in service:
        raise Problem(404, "CustomHealthNotFound", service["Id"])
    one["HealthStatus"] = given["Status"]


def found_by_names(given):
    for namespace in state["namespaces"]:
        shared = bool(namespace.get("Shared"))
        if (namespace["HttpName"] == given["NamespaceName"]
                and shared == (given.get("OwnerAccount") == OWNER)):
            for service in state["services"]:
                if (service["NamespaceId"], service["Name"]) == (namespace["Id"],
                                                                 given["ServiceName"]):
                    return service
            raise Problem(404, "ServiceNotFound", given["ServiceName"])
    raise Problem(404, "NamespaceNotFound", given["NamespaceName"])


def of_health(instances, status):
    """The status is ignored where a service has no health checks."""
    if not any("HealthStatus" in one for one in instances) or status == "ALL":
        return instances
    healthy = [one for one in instances if one.get("HealthStatus", "HEALTHY") == "HEALTHY"]
    if status == "UNHEALTHY":
        return [one for one in instances if one not in healthy]
    return healthy or (instances if status == "HEALTHY_OR_ELSE_ALL" else [])


def having(instances, attributes):
    return [one for one in instances if attributes.items() <= one["Attributes"].items()]


def discover_instances(given):
    service = found_by_names(given)
    chosen = of_health(service["Instances"], given.get("HealthStatus", "HEALTHY_OR_ELSE_ALL"))
    chosen = having(chosen, given.get("QueryParameters", {}))
    chosen = having(chosen, given.get("OptionalParameters", {})) or chosen
    chosen = state["random"].sample(chosen, len(chosen))
    return {"Instances": [{
        "InstanceId": one["InstanceId"], "NamespaceName": given["NamespaceName"],
        "ServiceName": given["ServiceName"], "Attributes": one["Attributes"],
        "HealthStatus": one.get("HealthStatus", "HEALTHY"),
    } for one in chosen][:given.get("MaxResults", 100)],
        "InstancesRevision": service.get("Revision", 1)}


def discover_instances_revision(given):
    return {"InstancesRevision": found_by_names(given).get("Revision", 1)}


OPERATIONS = {
    "CreateHttpNamespace": create_http_namespace, "GetNamespace": get_namespace,
    "ListNamespaces": list_namespaces, "GetOperation": get_operation,
    "CreateService": create_service, "DeleteService": delete_service,
    "GetService": get_service, "ListServices": list_services,
    "GetServiceAttributes": get_service_attributes,
    "UpdateServiceAttributes": update_service_attributes,
    "DeleteServiceAttributes": delete_service_attributes,
    "RegisterInstance": register_instance, "DeregisterInstance": deregister_instance,
    "ListInstances": list_instances, "DiscoverInstances": discover_instances,
    "DiscoverInstancesRevision": discover_instances_revision,
    "UpdateInstanceCustomHealthStatus": update_instance_custom_health_status,
}
