"""An emulator of Cloud Map, STS and S3 that checks signatures and permissions, and the AWS SDK to
fill it.

Usage: emulator.py FILE. Writes {endpoint, control, users, roles} to FILE once it answers, and ends
when its standard input ends, so that it never outlives the specs. POST a list of calls to `control`:
[{"service", "operation", "parameters", "user"}]; the answer is the list of what boto3 returned. GET
`control` for the agents' requests so far: {"ListServices": 3, "GET 304": 5}.
"""
import collections
import http.server
import json
import os
import re
import sys

REGION = "eu-central-1"
# The agent's permissions are those that README.md tells operators to give: too few fail here.
with open("README.md") as readme:
    AGENT = json.loads(re.search(r"```json\n(.*?)```", readme.read(), re.S)[1])["Statement"]
# So are those of a fleet of agents for its store.
with open("docs/fleet.md") as page:
    STORE = json.loads(re.search(r"```json\n(.*?)```", page.read(), re.S)[1])["Statement"]
ASSUME = {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*"}
USERS = {
    "caller": [ASSUME],
    "operator": [{"Effect": "Allow", "Action": "*", "Resource": "*"}],
    "agent": AGENT,
    "fleet": AGENT + STORE,
    "restricted": [dict(AGENT[0], Action=[
        action for action in AGENT[0]["Action"] if not action.endswith("GetServiceAttributes")])],
}
# A user of `gate` may go on to `mesh`, which may do what the agent does; `nobody` may do nothing.
ROLES = {"gate": [ASSUME], "mesh": AGENT, "nobody": [dict(ASSUME, Effect="Deny")]}
TRUST = json.dumps({"Version": "2012-10-17", "Statement": [{
    "Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}]})
# Three calls make a user, two a role; from the next call on every signature is checked.
os.environ["INITIAL_NO_AUTH_ACTION_COUNT"] = str(3 * len(USERS) + 2 * len(ROLES))
os.environ["AWS_EC2_METADATA_DISABLED"] = "true"

import boto3  # noqa: E402  (moto reads the environment when it is imported)
from botocore.config import Config  # noqa: E402
from moto.core.authorization import ActionAuthenticatorMixin  # noqa: E402
from moto.server import ThreadedMotoServer  # noqa: E402
from werkzeug.serving import WSGIRequestHandler  # noqa: E402

check = ActionAuthenticatorMixin._authenticate_and_authorize_action


def check_unless_public(self, *words, **more):
    # The one call that nobody can sign: the identity provider's token stands for the signature.
    if self._get_action() == "AssumeRoleWithWebIdentity" and "Authorization" not in self.headers:
        return
    check(self, *words, **more)


ActionAuthenticatorMixin._authenticate_and_authorize_action = check_unless_public


counts = collections.Counter()


def count(self, code="-", size="-"):
    if self.headers.get("User-Agent", "").startswith("nightjar/"):
        target = self.headers.get("X-Amz-Target")
        counts[target.split(".")[-1] if target else f"{self.command} {int(code)}"] += 1


WSGIRequestHandler.log_request = count


class Cloud:
    def __init__(self):
        server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        server.start()
        host, port = server.get_host_and_port()
        self.endpoint = f"http://{host}:{port}"
        self.users, self.roles, self.clients = {}, {}, {}
        iam = self.client("iam", {"id": "none", "secret": "none"})
        for name, statements in USERS.items():
            policy = json.dumps({"Version": "2012-10-17", "Statement": statements})
            iam.create_user(UserName=name)
            iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=policy)
            key = iam.create_access_key(UserName=name)["AccessKey"]
            self.users[name] = {"id": key["AccessKeyId"], "secret": key["SecretAccessKey"]}

        for name, statements in ROLES.items():
            made = iam.create_role(RoleName=name, AssumeRolePolicyDocument=TRUST)
            self.roles[name] = made["Role"]["Arn"]
            iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=json.dumps(
                {"Version": "2012-10-17", "Statement": statements}))

    def client(self, service, user):
        return boto3.client(
            service, endpoint_url=self.endpoint, region_name=REGION,
            aws_access_key_id=user["id"], aws_secret_access_key=user["secret"],
            config=Config(inject_host_prefix=False, retries={"max_attempts": 1}))

    def call(self, call):
        name, service = call.get("user", "operator"), call.get("service", "servicediscovery")
        if (name, service) not in self.clients:
            self.clients[name, service] = self.client(service, self.users[name])
        answer = getattr(self.clients[name, service], call["operation"])(**call["parameters"])
        answer.pop("ResponseMetadata", None)
        if "Body" in answer:
            answer["Body"] = answer["Body"].read().decode(errors="replace")
        return answer


def handler_of(cloud):
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.answer(200, counts)

        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            try:
                status, answer = 200, [cloud.call(call) for call in json.loads(body)]
            except Exception as problem:  # the spec shows it
                status, answer = 500, {"error": repr(problem)}
            self.answer(status, answer)

        def answer(self, status, answer):
            text = json.dumps(answer, default=str).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_):
            pass
    return Handler


def main(path):
    import threading
    cloud = Cloud()
    control = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler_of(cloud))
    threading.Thread(target=control.serve_forever, daemon=True).start()
    with open(path + ".new", "w", encoding="utf-8") as out:
        json.dump({"endpoint": cloud.endpoint, "users": cloud.users, "roles": cloud.roles,
                   "control": f"http://127.0.0.1:{control.server_port}/"}, out)
    os.rename(path + ".new", path)
    sys.stdin.read()
    os._exit(0)


main(sys.argv[1])
