"""A Cloud Map endpoint that fails on demand. Its own shapes are checked against AWS's model.

Usage: faulty.py FILE. Writes {endpoint} to FILE once it answers, and ends when its standard input
ends. What the emulator cannot do is done here: pages, throttling, broken answers, shared
namespaces. PUT /state replaces what it knows and resets its records:

  namespaces  [{Id, Arn, Name, HttpName, Shared}]      Shared: answers to its ARN only
  services    [{Id, Arn, Name, NamespaceId, Attributes, Instances}]
  page_size   items on a page of a list (100)
  faults      [{operation, match, skip, times, fault, …}]: see FAULTS; `match` is part of the input
  credentials {status, body} of GET /credentials

GET /requests tells what was asked: [{operation, input, host, signed, token}], and `violations` of
the public service model, in requests and in our own answers.
"""
import http.server
import json
import os
import sys
import threading

try:
    import botocore.session
    from botocore.validate import ParamValidator
    MODEL = botocore.session.get_session().get_service_model("servicediscovery")
except ImportError:
    MODEL = None

ACCOUNT, OWNER = "123456789012", "210987654321"
lock = threading.Lock()
state = {}


def reset(new):
    state.clear()
    state.update({"namespaces": [], "services": [], "page_size": 100, "faults": [],
                  "credentials": None, "requests": [], "violations": []})
    state.update(new)


class Problem(Exception):
    def __init__(self, status, code, message):
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


def validate(shape, value, what):
    if MODEL is None or shape is None:
        return
    report = ParamValidator().validate(value, shape)
    unknown = set(value) - set(shape.members)
    if report.has_errors() or unknown:
        state["violations"].append(f"{what}: {report.generate_report()} {sorted(unknown)}")


def by_name(kind, name):
    for item in state[kind]:
        if name == item.get("Arn") or (name == item["Id"] and not item.get("Shared")):
            return item
    code = "NamespaceNotFound" if kind == "namespaces" else "ServiceNotFound"
    raise Problem(404, code, f"{name} was not found")


def page(items, given):
    start = int(given.get("NextToken", "0"))
    size = min(state["page_size"], given.get("MaxResults", 100))
    answer = {"items": items[start:start + size]}
    if start + size < len(items):
        answer["NextToken"] = str(start + size)
    return answer


def described(namespace):
    owner = OWNER if namespace.get("Shared") else ACCOUNT
    return {"Id": namespace["Id"], "Arn": namespace["Arn"], "Name": namespace["Name"],
            "ResourceOwner": owner, "Type": "HTTP",
            "Properties": {"HttpProperties": {"HttpName": namespace["HttpName"]}}}


def filter_value(given, name):
    for one in given.get("Filters", []):
        if one["Name"] == name:
            return one["Values"][0]
    return None


def get_service(given):
    service = by_name("services", given["Id"])
    return {"Service": {key: service[key] for key in ("Id", "Arn", "Name", "NamespaceId")}
            | ({"ResourceOwner": service["Owner"]} if "Owner" in service else {})}


def get_namespace(given):
    return {"Namespace": described(by_name("namespaces", given["Id"]))}


def list_namespaces(given):
    name = filter_value(given, "NAME")
    found = page([described(one) for one in state["namespaces"]
                  if name in (None, one["Name"])], given)
    found["Namespaces"] = found.pop("items")
    return found


def list_services(given):
    name, ids = filter_value(given, "NAMESPACE_ID"), []
    for one in state["namespaces"]:
        if name == one["Arn"] or (name == one["Id"] and not one.get("Shared")):
            ids.append(one["Id"])
    found = page([{key: one[key] for key in ("Id", "Arn", "Name")}
                  for one in state["services"] if one["NamespaceId"] in ids], given)
    found["Services"] = found.pop("items")
    return found


def discover_instances(given):
    for namespace in state["namespaces"]:
        if namespace["HttpName"] != given["NamespaceName"]:
            continue
        if bool(namespace.get("Shared")) != (given.get("OwnerAccount") == OWNER):
            continue
        for service in state["services"]:
            if (service["NamespaceId"], service["Name"]) == (namespace["Id"], given["ServiceName"]):
                return answer_instances(service, given)
        raise Problem(404, "ServiceNotFound", given["ServiceName"])
    raise Problem(404, "NamespaceNotFound", given["NamespaceName"])


def answer_instances(service, given):
    chosen = [one for one in service.get("Instances", [])
              if given.get("HealthStatus", "ALL") in ("ALL", one.get("HealthStatus", "HEALTHY"))]
    # AWS answers in random order; this one is at least never the order of registration.
    return {"Instances": [{
        "InstanceId": one["InstanceId"], "NamespaceName": given["NamespaceName"],
        "ServiceName": given["ServiceName"], "Attributes": one["Attributes"],
        "HealthStatus": one.get("HealthStatus", "HEALTHY"),
    } for one in reversed(chosen)][:given.get("MaxResults", 100)], "InstancesRevision": 7}


def get_service_attributes(given):
    service = by_name("services", given["ServiceId"])
    return {"ServiceAttributes": {"ServiceArn": service["Arn"], "ResourceOwner": ACCOUNT}
            | ({"Attributes": service["Attributes"]} if service.get("Attributes") else {})}


OPERATIONS = {
    "GetService": get_service, "GetNamespace": get_namespace, "ListNamespaces": list_namespaces,
    "ListServices": list_services, "DiscoverInstances": discover_instances,
    "GetServiceAttributes": get_service_attributes,
}

JSON_TYPE = "application/x-amz-json-1.1"
HTML = "<html><head><title>503 Service Unavailable</title></head><body>busy</body></html>"
# fault: status, content type, body; None as the status drops the connection.
FAULTS = {
    "throttle": (429, JSON_TYPE, '{"__type":"com.amazonaws.servicediscovery#RequestLimitExceeded"'
                 ',"Message":"Rate exceeded"}'),
    "internal": (500, JSON_TYPE, '{"__type":"InternalFailure"}'),
    "html": (503, "text/html", HTML),
    "html_200": (200, "text/html", HTML),
    "empty_200": (200, JSON_TYPE, "{}"),
    "cut": (200, JSON_TYPE, '{"Instances":[{"InstanceId":"a","Attrib'),
    "denied": (400, JSON_TYPE, '{"__type":"AccessDeniedException","Message":"not authorized"}'),
    "unknown": (400, JSON_TYPE, '{"__type":"UnknownOperationException"}'),
    "expired": (400, JSON_TYPE, '{"__type":"ExpiredTokenException","message":"expired"}'),
    "gone": (404, JSON_TYPE, '{"__type":"ServiceNotFound","Message":"gone"}'),
    "skew": (403, JSON_TYPE, '{"__type":"InvalidSignatureException","message":"Signature expired'
             '\\nThe Canonical String was x-amz-security-token"}'),
    "drop": (None, "", ""),
    "short": ("short", JSON_TYPE, '{"Services":[]'),
}


def find_fault(operation, given):
    for fault in state["faults"]:
        match = fault.get("match", {})
        if fault["operation"] not in (operation, "*") or not match.items() <= given.items():
            continue
        if fault.get("skip", 0) > 0:
            fault["skip"] -= 1
            continue
        if "times" in fault:
            if fault["times"] <= 0:
                continue
            fault["times"] -= 1
        return fault
    return None


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # An answer is one packet: in pieces, each waits for the acknowledgement of the one before.
    wbufsize = 1 << 16
    disable_nagle_algorithm = True

    def body(self):
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def send(self, status, kind, text, headers=None, length=None):
        data = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data) if length is None else length))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    # `Date` may be set by a fault, so the server's own is left out there.
    def date_time_string(self, timestamp=None):
        return getattr(self, "date", None) or super().date_time_string(timestamp)

    def break_down(self, fault):
        status, kind, text = FAULTS[fault["fault"]]
        self.date = fault.get("date")
        if status is None:
            self.close_connection = True
        elif status == "short":
            self.close_connection = True
            self.send(200, kind, text, length=len(text) + 100)
        else:
            self.send(status, kind, text, fault.get("headers"))
        self.date = None

    def do_POST(self):
        body = self.body()
        operation = self.headers.get("X-Amz-Target", "").split(".")[-1]
        given = json.loads(body)
        with lock:
            state["requests"].append({
                "operation": operation, "input": given, "host": self.headers.get("Host"),
                "signed": self.headers.get("Authorization", ""),
                "date": self.headers.get("X-Amz-Date"),
                "token": self.headers.get("X-Amz-Security-Token")})
            fault = find_fault(operation, given)
            if fault:
                self.break_down(fault)
                return
            self.answer(operation, given)

    def answer(self, operation, given):
        headers = {"x-amzn-RequestId": f"request-{len(state['requests'])}"}
        try:
            if operation not in OPERATIONS:
                raise Problem(400, "UnknownOperationException", operation)
            model = MODEL and MODEL.operation_model(operation)
            validate(model and model.input_shape, given, operation + " request")
            answer = OPERATIONS[operation](given)
            validate(model and model.output_shape, answer, operation + " answer")
            self.send(200, JSON_TYPE, json.dumps(answer), headers)
        except Problem as problem:
            self.send(problem.status, JSON_TYPE, json.dumps(
                {"__type": problem.code, "Message": problem.message}), headers)

    def do_PUT(self):
        body = json.loads(self.body())
        with lock:
            if self.path == "/faults":
                state["faults"] = body
                state["requests"] = []
            else:
                reset(body)
            self.send(200, "application/json", "{}")

    def do_GET(self):
        with lock:
            if self.path == "/requests":
                self.send(200, "application/json", json.dumps(
                    {"requests": state["requests"], "violations": state["violations"]}))
                return
            state["requests"].append({"operation": "credentials", "path": self.path,
                                      "token": self.headers.get("Authorization")})
            given = state["credentials"] or {"status": 404, "body": ""}
            body = given["body"]
            self.send(given["status"], "application/json",
                      body if isinstance(body, str) else json.dumps(body))

    def log_message(self, *_):
        pass


def main(path):
    reset({})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with open(path + ".new", "w", encoding="utf-8") as out:
        json.dump({"endpoint": f"http://127.0.0.1:{server.server_port}"}, out)
    os.rename(path + ".new", path)
    sys.stdin.read()
    os._exit(0)


main(sys.argv[1])
