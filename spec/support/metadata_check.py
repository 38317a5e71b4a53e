"""Asks metadata.py for credentials as the real SDK does, so that the double is no mirror of ours.

Usage: metadata_check.py ENDPOINT FOLDER. Prints {case: {method, access_key, secret_key, token,
expires}} as JSON; a case that raises has {error} instead. `region` is what an instance says.
"""
import json
import os
import sys

endpoint, folder = sys.argv[1:]


def write(name, text):
    with open(os.path.join(folder, name), "w", encoding="utf-8") as out:
        out.write(text)
    return os.path.join(folder, name)


ROLE = "arn:aws:iam::123456789012:role/"
CASES = {
    "container": {
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": endpoint + "/container/v1",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": write("authorization", "let-me-in")},
    "instance": {},
    "assume_role": {"AWS_PROFILE": "web", "AWS_REGION": "eu-west-1", "AWS_CONFIG_FILE": write(
        "config", f"[profile web]\nrole_arn = {ROLE}web\nsource_profile = base\n"
        "external_id = partner\nrole_session_name = check\nduration_seconds = 1200\n"
        "[profile base]\naws_access_key_id = AKIABASE\naws_secret_access_key = base-secret\n")},
    "web_identity": {"AWS_WEB_IDENTITY_TOKEN_FILE": write("token", "header.payload.signature"),
                     "AWS_ROLE_ARN": ROLE + "pod", "AWS_ROLE_SESSION_NAME": "check"},
}


def resolve():
    import botocore.session
    session = botocore.session.Session()
    try:
        found = session.get_credentials()
        frozen = found.get_frozen_credentials()
        expiry = getattr(found, "_expiry_time", None)
        return {"method": found.method, "access_key": frozen.access_key,
                "secret_key": frozen.secret_key, "token": frozen.token,
                "expires": expiry and int(expiry.timestamp())}
    except Exception as problem:  # the spec shows it
        return {"error": repr(problem)}


def instance_region():
    import botocore.session
    from botocore.utils import IMDSRegionProvider
    return IMDSRegionProvider(botocore.session.Session()).provide()


def main():
    answers = {}
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    for name, environment in CASES.items():
        os.environ.clear()
        os.environ.update(kept)
        os.environ.update({
            "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent", "AWS_CONFIG_FILE": "/nonexistent",
            "AWS_DEFAULT_REGION": "eu-west-1", "AWS_ENDPOINT_URL_STS": endpoint,
            "AWS_EC2_METADATA_SERVICE_ENDPOINT": endpoint})
        os.environ.update(environment)
        answers[name] = resolve()
    os.environ.pop("AWS_DEFAULT_REGION")
    answers["region"] = instance_region()
    print(json.dumps(answers))


main()
