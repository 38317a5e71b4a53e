"""Where workloads get credentials, on one port: a container agent, an EC2 instance, and STS.

Usage: metadata.py FILE. Writes {endpoint} to FILE once it answers, and ends when its standard input
ends. PUT /control replaces its state (what is left out is as in DEFAULTS) and forgets the requests
so far; the tokens of the instance stay good, unless `revoke` says otherwise. GET /requests tells
what was asked: of containers and instances {role, method, path, …}, of STS the parameters, whether
the call was signed, and with which key, region and session token.

  container  GET /container…: `status`, `body`, `authorization` (required), `delay` (seconds)
  instance   IMDSv2: `mode` (see MODES), `role`, `document`, `region`, `zone`, `status` (of what
             follows the token), `token_seconds`, `delay`
  sts        POST /: AssumeRole and AssumeRoleWithWebIdentity. `expiration`, `format` (xml, or json
             for clients that accept it), `errors` [{action, role_arn, code, status, message,
             times}], `delay`. The keys follow from who asks for what, not from the session's name.
"""
import calendar
import copy
import hashlib
import http.server
import json
import os
import re
import sys
import threading
import time
import urllib.parse
from xml.sax.saxutils import escape

FAR = "2099-01-01T00:00:00Z"
DEFAULTS = {
    "container": {"status": 200, "authorization": None, "delay": 0, "body": {
        "AccessKeyId": "ASIACONTAINER", "SecretAccessKey": "container-secret",
        "Token": "container-token", "Expiration": FAR}},
    "instance": {"mode": "on", "role": "app-role", "region": "eu-north-1", "zone": "eu-north-1a",
                 "status": 200, "token_seconds": None, "delay": 0, "document": {
                     "Code": "Success", "Type": "AWS-HMAC", "LastUpdated": "2026-01-01T00:00:00Z",
                     "AccessKeyId": "ASIAINSTANCE", "SecretAccessKey": "instance-secret",
                     "Token": "instance-token", "Expiration": FAR}},
    "sts": {"expiration": FAR, "format": "xml", "errors": [], "delay": 0},
}
# What an instance does other than answer; `hang` lasts longer than any client waits.
MODES = ("on", "no_role", "forbidden", "hang", "empty", "malformed", "refused", "closed")
REFUSED = {"Code": "AssumeRoleUnauthorizedAccess",
           "Message": "EC2 cannot assume the role app-role.", "LastUpdated": FAR}
HANG = 30
NAMESPACE = "https://sts.amazonaws.com/doc/2011-06-15/"
CREDENTIAL = re.compile(r"Credential=([^/]+)/\d{8}/([^/]+)/([^/]+)/aws4_request, "
                        r"SignedHeaders=([a-z0-9;-]+), Signature=[0-9a-f]{64}$")

lock = threading.Lock()
state, requests, tokens = copy.deepcopy(DEFAULTS), [], {}


def control(new):
    for name, defaults in DEFAULTS.items():
        state[name] = dict(copy.deepcopy(defaults), **new.get(name, {}))
    if state["instance"]["mode"] not in MODES:
        raise ValueError(f"no such mode: {state['instance']['mode']}")
    requests.clear()
    if new.get("revoke"):
        tokens.clear()


def seconds_of(text):
    return float(calendar.timegm(time.strptime(text, "%Y-%m-%dT%H:%M:%SZ")))


def derived_keys(*parts):
    digest = hashlib.sha256(json.dumps(parts).encode()).hexdigest()
    return {"AccessKeyId": "ASIA" + digest[:16].upper(), "SecretAccessKey": digest[16:56],
            "SessionToken": "token-" + digest[24:], "Expiration": state["sts"]["expiration"]}


def xml(value):
    if isinstance(value, dict):
        return "".join(f"<{name}>{xml(one)}</{name}>" for name, one in value.items())
    return escape(str(value))


class Refusal(Exception):
    def __init__(self, status, code, message):
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


def on_demand(action, role_arn):
    for error in state["sts"]["errors"]:
        wanted = error.get("action", action) == action and \
            error.get("role_arn", role_arn) == role_arn
        if wanted and error.get("times", 1) > 0:
            if "times" in error:
                error["times"] -= 1
            raise Refusal(error.get("status", 400), error["code"], error.get("message", ""))


def assume(record, form):
    action, role_arn = form.get("Action"), form.get("RoleArn")
    on_demand(action, role_arn)
    if form.get("Version") != "2011-06-15" or not action or \
            action not in ("AssumeRole", "AssumeRoleWithWebIdentity"):
        raise Refusal(400, "InvalidAction", f"Could not find operation {action}")
    token = form.get("WebIdentityToken") if action == "AssumeRoleWithWebIdentity" else None
    if not re.match(r"arn:aws[a-z-]*:iam::\d{12}:role/\S+$", role_arn or ""):
        raise Refusal(400, "ValidationError", f"{role_arn} is invalid")
    if not re.match(r"[\w+=,.@-]{2,64}$", form.get("RoleSessionName", "")):
        raise Refusal(400, "ValidationError", "the session's name is invalid")
    if not re.match(r"[\w+=,.@:/-]{2,1224}$", form.get("ExternalId", "none")) or \
            not 900 <= int(form.get("DurationSeconds", "900")) <= 43200:
        raise Refusal(400, "ValidationError", "ExternalId or DurationSeconds is invalid")
    if action == "AssumeRole" and not (record["signed"] and record["service"] == "sts"):
        raise Refusal(403, "MissingAuthenticationToken", "the request is not signed")
    if action != "AssumeRole" and (record["signed"] or not token):
        raise Refusal(400, "ValidationError", "expected a token and no signature")
    return {"Credentials": derived_keys(action, role_arn, form.get("ExternalId"), token,
                                        record["access_key_id"]),
            "AssumedRoleUser": {"AssumedRoleId": "AROA:" + form["RoleSessionName"],
                                "Arn": role_arn + "/" + form["RoleSessionName"]}}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def send(self, status, body, kind="application/json"):
        data = (body if isinstance(body, str) else json.dumps(body)).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def body(self):
        return self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()

    def record(self, role, **more):
        with lock:
            requests.append(dict({"role": role, "method": self.command, "path": self.path}, **more))
            place = state[role]
        time.sleep(place["delay"])
        return place

    def do_GET(self):
        if self.path == "/requests":
            with lock:
                answer = list(requests)
            self.send(200, {"requests": answer})
        elif self.path.startswith("/container"):
            self.container()
        else:
            self.instance()

    def do_PUT(self):
        text = self.body()
        if self.path == "/control":
            with lock:
                control(json.loads(text))
            self.send(200, {})
        else:
            self.instance()

    def container(self):
        given = self.headers.get("Authorization")
        place = self.record("container", authorization=given)
        if place["authorization"] is not None and given != place["authorization"]:
            self.send(401, {"code": "Unauthorized", "message": "wrong authorization token"})
        else:
            self.send(place["status"], place["body"])

    def instance(self):
        place = self.record("instance", token=self.headers.get("X-aws-ec2-metadata-token"),
                            ttl=self.headers.get("X-aws-ec2-metadata-token-ttl-seconds"))
        if place["mode"] == "hang":
            time.sleep(HANG)
        if place["mode"] in ("hang", "closed"):
            self.close_connection = True
        elif self.command == "PUT":
            self.give_token(place)
        else:
            self.give_metadata(place)

    def give_token(self, place):
        ttl = self.headers.get("X-aws-ec2-metadata-token-ttl-seconds", "")
        if place["mode"] == "forbidden" or self.headers.get("X-Forwarded-For"):
            self.send(403, "", "text/html")
        elif self.path != "/latest/api/token" or not ttl.isdigit() or not 1 <= int(ttl) <= 21600:
            self.send(400, "", "text/html")
        else:
            token = os.urandom(30).hex()
            seconds = place["token_seconds"]
            with lock:
                tokens[token] = time.monotonic() + (int(ttl) if seconds is None else seconds)
            self.send(200, token, "text/plain")

    def give_metadata(self, place):
        with lock:
            ends = tokens.get(self.headers.get("X-aws-ec2-metadata-token"), 0)
        if ends <= time.monotonic():
            self.send(401, "", "text/html")
            return
        keys, path = "/latest/meta-data/iam/security-credentials", self.path.rstrip("/")
        document = REFUSED if place["mode"] == "refused" else place["document"]
        answers = {"/latest/meta-data/placement/region": place["region"],
                   "/latest/meta-data/placement/availability-zone": place["zone"]}
        if place["mode"] != "no_role":
            answers[keys] = place["role"]
            answers[keys + "/" + place["role"]] = \
                '{"Code": "Success",' if place["mode"] == "malformed" else document
        if place["status"] != 200:
            self.send(place["status"], "", "text/html")
        elif path not in answers:
            self.send(404, "", "text/html")
        else:
            self.send(200, "" if place["mode"] == "empty" else answers[path], "text/plain")

    def do_POST(self):
        form = dict(urllib.parse.parse_qsl(self.body(), keep_blank_values=True))
        signature = CREDENTIAL.search(self.headers.get("Authorization") or "")
        record = {
            "action": form.get("Action"), "role_arn": form.get("RoleArn"),
            "session_name": form.get("RoleSessionName"), "external_id": form.get("ExternalId"),
            "duration": form.get("DurationSeconds"), "web_token": form.get("WebIdentityToken"),
            "signed": signature is not None, "content_type": self.headers.get("Content-Type"),
            "access_key_id": signature and signature[1], "region": signature and signature[2],
            "service": signature and signature[3], "signed_headers": signature and signature[4],
            "session_token": self.headers.get("X-Amz-Security-Token")}
        place = self.record("sts", **record)
        as_json = place["format"] == "json" and "json" in self.headers.get("Accept", "")
        try:
            with lock:
                result = assume(record, form)
            self.assumed(form["Action"], result, as_json)
        except Refusal as refusal:
            self.refuse(refusal, as_json)

    def assumed(self, action, result, as_json):
        if as_json:
            keys = result["Credentials"]
            keys["Expiration"] = seconds_of(keys["Expiration"])
            self.send(200, {action + "Response": {
                action + "Result": result, "ResponseMetadata": {"RequestId": "request-1"}}})
        else:
            self.send(200, f'<{action}Response xmlns="{NAMESPACE}">' + xml({
                action + "Result": result, "ResponseMetadata": {"RequestId": "request-1"}})
                + f"</{action}Response>", "text/xml")

    def refuse(self, refusal, as_json):
        kind = "Sender" if refusal.status < 500 else "Receiver"
        error = {"Error": {"Type": kind, "Code": refusal.code, "Message": refusal.message},
                 "RequestId": "request-1"}
        if as_json:
            self.send(refusal.status, error)
        else:
            self.send(refusal.status, f'<ErrorResponse xmlns="{NAMESPACE}">{xml(error)}'
                      "</ErrorResponse>", "text/xml")

    def log_message(self, *_):
        pass


def main(path):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with open(path + ".new", "w", encoding="utf-8") as out:
        json.dump({"endpoint": f"http://127.0.0.1:{server.server_port}"}, out)
    os.rename(path + ".new", path)
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1])
