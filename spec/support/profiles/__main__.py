"""Two hundred ways to say where AWS credentials come from, the same each time, and what the AWS SDK
makes of them.

Usage: profiles ENDPOINT FOLDER. ENDPOINT is metadata.py's; each case has files in a folder of its
own. Prints [{name, kind, environment, explicit, secrets, difference, sdk, instead}] as JSON: `sdk`
is what botocore resolves, `instead` what it does when told to do as nightjar does on purpose.
"""
import getpass
import json
import os
import sys
import urllib.request

import exceptions
import kinds
from case import DENIED, Case

KINDS = (
    (kinds.environment, 8), (kinds.half_of_the_environment, 4), (kinds.credentials_file, 8),
    (kinds.config_file, 8), (kinds.both_files, 9), (kinds.half_of_a_profile, 4),
    (kinds.credential_process, 11), (kinds.bad_credential_process, 9), (kinds.chain, 18),
    (kinds.self_reference, 4), (kinds.circle, 3), (kinds.broken_chain, 11),
    (kinds.out_of_bounds, 4), (kinds.credential_source, 9),
    (kinds.web_identity_of_the_environment, 4), (exceptions.web_identity_before_a_role, 2),
    (kinds.web_identity_of_a_profile, 7), (kinds.broken_web_identity, 5), (kinds.container, 4),
    (kinds.instance, 3), (kinds.nothing, 4), (kinds.person_needed, 4),
    (exceptions.broken_file, 14), (exceptions.odd_file, 8), (exceptions.title, 10),
    (exceptions.endpoints, 12), (exceptions.aws_region, 2), (exceptions.region_of_the_instance, 2),
    (exceptions.two_profiles_asked_for, 1), (exceptions.empty_value, 4),
    (exceptions.line_end_of_a_token, 2), (exceptions.older_token_variable, 1),
    (exceptions.section_default, 1),
)

SERVICES = {"sts": "get_caller_identity", "servicediscovery": "list_namespaces"}


def cases(endpoint, folder):
    number = 0
    for kind, count in KINDS:
        for turn in range(count):
            number += 1
            case = Case(number, kind.__name__.replace("_", " "), endpoint, folder)
            kind(case, turn)
            yield case.end()


def ask(method, url, value=None):
    request = urllib.request.Request(url, json.dumps(value).encode(), method=method)
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def raised(problem):
    return {"error": f"{type(problem).__name__}: {problem}"}


def keys_of(session):
    try:
        found = session.get_credentials()
        if found is None:
            return {"error": "none"}
        keys = found.get_frozen_credentials()
        return {"method": found.method, "id": keys.access_key, "secret": keys.secret_key,
                "token": keys.token}
    except Exception as problem:  # the spec compares
        return raised(problem)


def region_of(session):
    try:
        return session.get_config_variable("region")
    except Exception as problem:
        return raised(problem)


class Sent(Exception):
    """Instead of a request, which would leave this machine."""


def endpoint_of(session, service, region, operation):
    def keep(request, **_):
        raise Sent(request.url)
    try:
        # Endpoints are complete, and refused, when a call is made.
        client = session.create_client(service, region_name=region, aws_access_key_id="A",
                                       aws_secret_access_key="B")
        client.meta.events.register("before-send", keep)
        getattr(client, operation)()
    except Sent as sent:
        return str(sent)
    except Exception as problem:
        return raised(problem)


def resolve(case, environment, loader, control):
    import botocore.session
    os.environ.clear()
    os.environ.update(KEPT)
    os.environ.update({name: text for name, text in environment.items() if text is not None})
    session = botocore.session.Session(profile=case["explicit"])
    session.register_component("data_loader", loader)
    ask("PUT", control[0] + "/control", control[1])
    result = {"keys": keys_of(session), "region": region_of(session)}
    result["calls"] = [call for call in ask("GET", control[0] + "/requests")["requests"]
                       if call["role"] == "sts"]
    if isinstance(result["region"], str):
        result["endpoints"] = {
            service: endpoint_of(session, service, result["region"], operation)
            for service, operation in SERVICES.items()}
    return result


def main(endpoint, folder):
    import botocore.loaders
    loader = botocore.loaders.create_loader()
    control = (endpoint, {"sts": {"errors": [{"role_arn": DENIED, "code": "AccessDenied",
                                              "status": 403, "message": "not you"}]}})
    answers = []
    for case in cases(endpoint, folder):
        case["sdk"] = resolve(case, case["environment"], loader, control)
        if case["instead"]:
            environment = dict(case["environment"], **case["instead"])
            case["instead"] = resolve(case, environment, loader, control)
        answers.append(case)
    sys.stdout.write(json.dumps({"control": control[1], "cases": answers}))


def nobody(prompt, *_):
    """Asked for the code of a device; the SDK would read it from the terminal."""
    raise EOFError(prompt)


getpass.getpass = nobody
KEPT = {"PATH": os.environ["PATH"]}
main(*sys.argv[1:])
