"""A Cloud Map endpoint that fails on demand. Its shapes are checked against AWS's model.

Usage: cloudmap.py FILE. Writes {endpoint} to FILE once it answers, and ends when its standard input
ends. What the emulator cannot do is done here: pages, ARNs, replacing, throttling, keep-alive,
broken answers, shared namespaces. PUT /state replaces what it knows and forgets its records; PUT
/change replaces the given parts only:

  namespaces  [{Id, Arn, Name, HttpName, Shared}]      Shared: answers to its ARN only
  services    [{Id, Arn, Name, NamespaceId, Attributes, Instances, HealthCheckCustomConfig}]
  page_size   items on a page of a list (100)
  seed        of the order in which instances are discovered
  limits      {operation: {rate, burst}}: what goes beyond gets 429 RequestLimitExceeded
  clock       seconds that its clock is ahead: requests signed 5 minutes off it are refused
  faults      [{operation, match, skip, times, fault, ...}]: see FAULTS; `match` is part of the input;
              "slow" answers as ever after so many `seconds`
  credentials {status, body} of GET /credentials

PUT /faults replaces the faults and forgets the requests. GET /requests tells what was asked:
[{operation, input, host, signed, token, connection, id, attempt}], and `violations` of the public service
model, in requests and in our own answers.
"""
import calendar
import email.utils
import http.server
import itertools
import json
import os
import re
import sys
import threading
import time

from cloudmap_model import OPERATIONS, Problem, reset, state, throttled

try:
    import botocore.session
    from botocore.validate import ParamValidator
    MODEL = botocore.session.get_session().get_service_model("servicediscovery")
except ImportError:
    MODEL = None

lock = threading.Lock()
SKEW = 5 * 60
STALL_SECONDS = 20


def limits_broken(shape, value, path):
    """What ParamValidator leaves out: unknown members, patterns, greatest values, enums."""
    facts = shape.metadata
    if shape.type_name == "structure":
        for name, item in value.items():
            if name not in shape.members:
                yield f"{path}: unknown {name}"
            else:
                yield from limits_broken(shape.members[name], item, f"{path}.{name}")
    elif shape.type_name == "list":
        for item in value:
            yield from limits_broken(shape.member, item, path + "[]")
    elif shape.type_name == "map":
        for key, item in value.items():
            yield from limits_broken(shape.key, key, path + " key")
            yield from limits_broken(shape.value, item, f"{path}.{key}")
    size = value if isinstance(value, int) else len(value) if hasattr(value, "__len__") else 0
    if "max" in facts and size > facts["max"]:
        yield f"{path}: more than {facts['max']}"
    if "enum" in facts and value not in facts["enum"]:
        yield f"{path}: {value} is not one of {facts['enum']}"
    if "pattern" in facts and not re.search(facts["pattern"], value):
        yield f"{path}: {value} does not match {facts['pattern']}"


def validate(shape, value, what):
    """Records what the model does not allow and returns it as one text."""
    if MODEL is None or shape is None:
        return ""
    report = ParamValidator().validate(value, shape)
    wrong = report.generate_report() or "; ".join(limits_broken(shape, value, shape.name))
    if wrong:
        state["violations"].append(f"{what}: {wrong}")
    return wrong


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
    "stall": ("stall", JSON_TYPE, '{"Services":[]'),
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

    connections = itertools.count(1)

    def setup(self):
        super().setup()
        self.number = next(self.connections)

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
        elif status in ("short", "stall"):
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
                "connection": self.number,
                "id": self.headers.get("amz-sdk-invocation-id"),
                "attempt": self.headers.get("amz-sdk-request"),
                "token": self.headers.get("X-Amz-Security-Token")})
            fault = find_fault(operation, given)
            slow = fault and fault["fault"] == "slow"
            if fault and not slow:
                self.break_down(fault)
            elif not slow:
                self.answer(operation, given)
        # Others are served meanwhile.
        if slow:
            time.sleep(fault["seconds"])
            with lock:
                self.answer(operation, given)
        # The rest of the answer never comes; others are served meanwhile.
        if fault and fault["fault"] == "stall":
            self.wfile.flush()
            time.sleep(STALL_SECONDS)

    # A clock that differs is told by `Date`, in this answer as in every one.
    def check_clock(self):
        signed = self.headers.get("X-Amz-Date")
        if signed is None:
            return
        theirs = calendar.timegm(time.strptime(signed, "%Y%m%dT%H%M%SZ"))
        ours = time.time() + state["clock"]
        self.date = email.utils.formatdate(ours, usegmt=True)
        if abs(theirs - ours) > SKEW:
            raise Problem(403, "InvalidSignatureException", "Signature expired")

    def answer(self, operation, given):
        headers = {"x-amzn-RequestId": f"request-{len(state['requests'])}"}
        try:
            if operation not in OPERATIONS:
                raise Problem(400, "UnknownOperationException", operation)
            self.check_clock()
            if throttled(operation):
                raise Problem(429, "RequestLimitExceeded", "Rate exceeded")
            model = MODEL and MODEL.operation_model(operation)
            wrong = validate(model and model.input_shape, given, operation + " request")
            if wrong:
                raise Problem(400, "InvalidInput", wrong)
            answer = OPERATIONS[operation](given)
            if answer is not None:
                validate(model and model.output_shape, answer, operation + " answer")
            self.send(200, JSON_TYPE, "" if answer is None else json.dumps(answer), headers)
        except Problem as problem:
            self.send(problem.status, JSON_TYPE, json.dumps(
                {"__type": problem.code, "Message": problem.message}), headers)
        self.date = None

    def do_PUT(self):
        body = json.loads(self.body())
        with lock:
            if self.path == "/faults":
                state["faults"] = body
                state["requests"] = []
            elif self.path == "/change":
                state.update(body)
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


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 256  # agents may connect a hundred times at once


def main(path):
    reset({})
    server = Server(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with open(path + ".new", "w", encoding="utf-8") as out:
        json.dump({"endpoint": f"http://127.0.0.1:{server.server_port}"}, out)
    os.rename(path + ".new", path)
    sys.stdin.read()
    os._exit(0)


main(sys.argv[1])
