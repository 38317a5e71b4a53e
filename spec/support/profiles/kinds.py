"""Kinds of ways in which the SDK and nightjar agree; each function fills in one case."""
from case import DENIED, ROLE

BAD_PROGRAMS = {
    "status": "#!/bin/sh\necho 'no ticket' >&2\nexit 3\n",
    "no JSON": "#!/bin/sh\necho SECRET\n",
    "version": """#!/bin/sh\necho '{"Version": 2, "AccessKeyId": "A", "SecretAccessKey": "SECRET"}'\n""",
    "no version": """#!/bin/sh\necho '{"AccessKeyId": "A", "SecretAccessKey": "SECRET"}'\n""",
    "no secret": """#!/bin/sh\necho '{"Version": 1, "AccessKeyId": "A", "SessionToken": "SECRET"}'\n""",
    "killed": "#!/bin/sh\nkill -KILL $$\n",
}


def environment(case, _):
    keys = case.keys()
    for key, value in keys:
        name = "aws_session_token" if key == "aws_security_token" else key
        case.environment[name.upper()] = value
    case.profile("default", case.region(case.keys()), case.pick("config", "credentials"))


def half_of_the_environment(case, turn):
    id_pair, secret_pair = case.keys(0)
    case.profile("default", case.region(case.keys()), "credentials")
    if turn % 2 == 0:
        case.environment["AWS_ACCESS_KEY_ID"] = id_pair[1]
    else:
        case.environment["AWS_SECRET_ACCESS_KEY"] = secret_pair[1]
        case.difference = "secret without id"


def credentials_file(case, _):
    name = case.some_name()
    case.use(name)
    case.profile(name, case.region(case.keys()), "credentials")
    case.profile("other", case.keys(), "credentials")


def config_file(case, _):
    name = case.some_name()
    case.use(name)
    case.profile(name, case.region(case.keys()))
    case.profile("other", case.keys(), "credentials")


def both_files(case, turn):
    name = case.some_name()
    case.use(name)
    if turn % 3 == 0:  # keys in both: the credentials file's count
        case.profile(name, case.region(case.keys()))
        case.profile(name, case.keys(), "credentials")
    elif turn % 3 == 1:  # a role beside its own keys, over two files
        case.profile(name, case.sts(case.region(case.role())) + [("source_profile", name)])
        case.profile(name, case.keys(), "credentials")
    else:  # the credentials file's other settings win as well
        case.profile(name, [("region", "eu-west-3"), ("endpoint_url", "https://one.example")])
        case.profile(name, case.keys() + [("region", "sa-east-1"),
                                          ("endpoint_url", "https://two.example:81/")],
                     "credentials")


def half_of_a_profile(case, turn):
    name, pairs = case.some_name(), case.keys(0)
    case.use(name)
    # The SDK looks at the id only: a secret alone it passes over, and finds nothing.
    case.profile(name, case.region([pairs[turn % 2]]), case.pick("config", "credentials"))


def credential_process(case, turn):
    name = case.some_name()
    case.use(name)
    pairs = case.region(case.program())
    if turn % 4 == 3:  # before the keys of the config file
        pairs += case.keys()
    case.profile(name, pairs, "config" if turn % 3 else "credentials")


def bad_credential_process(case, turn):
    reasons = list(BAD_PROGRAMS)
    name = case.some_name()
    case.use(name)
    if turn < len(reasons):
        path = case.write("bad", BAD_PROGRAMS[reasons[turn]].replace("SECRET", case.secret()),
                          0o700)
    else:
        path = ("/nonexistent/program", '"' + case.folder, "x\\")[turn - len(reasons)]
    case.profile(name, case.region([("credential_process", path + " " + case.secret()
                                     if turn % 2 else path)]))


def chain(case, turn):
    """Roles that are assumed with roles, one to four deep, on something that has keys."""
    depth = turn % 4 + 1
    names = ["top", "second", "third role", "fourth", "base"]
    case.use(names[0])
    for level in range(depth):
        source = names[level + 1] if level + 1 < depth else "base"
        pairs = case.role(ROLE + f"level-{level}") + [("source_profile", source)]
        if level == 0:
            pairs = case.sts(case.region(pairs))
        case.profile(names[level], pairs, case.pick("config", "config", "credentials"))
    ground = case.pick("keys", "keys", "config keys", "process", "web identity", "self")
    if ground == "web identity":
        case.profile("base", [("web_identity_token_file", case.token_file()),
                              ("role_arn", ROLE + "base")])
    elif ground == "self":  # keys of its own come before its role, as it is a source
        case.profile("base", case.role() + [("source_profile", "base")] + case.keys(),
                     "credentials")
    else:
        pairs = case.program() if ground == "process" else case.keys()
        case.profile("base", pairs, "credentials" if ground == "keys" else "config")


def self_reference(case, turn):
    name = case.some_name()
    case.use(name)
    pairs = case.sts(case.region(case.role())) + [("source_profile", name)]
    case.profile(name, pairs + (case.keys() if turn % 2 else []),
                 case.pick("config", "credentials"))


def circle(case, turn):
    names = ["a", "b", "c", "d"][:turn % 3 + 2]
    case.use("a")
    for position, name in enumerate(names):
        pairs = case.role() + [("source_profile", names[(position + 1) % len(names)])]
        case.profile(name, case.sts(case.region(pairs)) if position == 0 else pairs)


def broken_chain(case, turn):
    case.use("top")
    pairs = case.sts(case.region(case.role(DENIED if turn == 6 else None)))
    more = (
        [("source_profile", "nobody")], [],
        [("source_profile", "base"), ("credential_source", "Environment")],
        [("credential_source", "Nowhere")], [("source_profile", "empty")],
        [("source_profile", "half")], [("source_profile", "base")],
        [("source_profile", "base"), ("mfa_serial", "arn:aws:iam::123456789012:mfa/me")],
        [("credential_source", "EcsContainer")], [("credential_source", "Ec2InstanceMetadata")],
        [("credential_source", "environment")],
    )[turn]
    case.profile("top", pairs + more)
    case.profile("base", case.keys(), "credentials")
    case.profile("empty", [("region", "eu-west-1")])
    case.profile("half", case.keys(0)[:1])


def out_of_bounds(case, turn):
    """What STS would refuse, and the SDK does not even send."""
    case.use("top")
    case.profile("top", case.sts(case.region([
        ("role_arn", ROLE + "web" if turn else "x"), ("source_profile", "base"),
        ("role_session_name", "y" if turn == 1 else "spec"),
        ("external_id", "z" if turn == 2 else "partner"),
        ("duration_seconds", "60" if turn == 3 else "900")])))
    case.profile("base", case.keys())


def container_of(case):
    token = case.secret()
    if case.chance(0.5):
        case.environment["AWS_CONTAINER_AUTHORIZATION_TOKEN"] = token
    else:
        case.environment["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"] = case.write("auth", token)
    case.environment["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = case.endpoint + "/container/v1?a=b"


def credential_source(case, turn):
    pairs = case.sts(case.region(case.role()))
    source = ("Environment", "EcsContainer", "Ec2InstanceMetadata")[turn % 3]
    case.profile("top", pairs + [("credential_source", source)])
    case.use("top")
    if source == "Environment":
        # Keys of the environment win over the profile that names them, unless it is asked for
        # on the command line.
        for key, value in case.keys(0):
            case.environment[key.upper()] = value
        case.explicit = case.pick("top", "top", None)
        if case.explicit:
            case.environment.pop("AWS_PROFILE", None)
            case.environment.pop("AWS_DEFAULT_PROFILE", None)
    elif source == "EcsContainer":
        container_of(case)
    else:
        del case.environment["AWS_EC2_METADATA_DISABLED"]


def web_identity_of_the_environment(case, turn):
    case.environment.update({"AWS_WEB_IDENTITY_TOKEN_FILE": case.token_file(),
                             "AWS_ROLE_ARN": ROLE + "pod"})
    if case.chance(0.5):
        case.environment["AWS_ROLE_SESSION_NAME"] = "pod-1"
    case.profile("default", case.sts(case.region(case.keys() if turn % 2 else [])))


def web_identity_of_a_profile(case, turn):
    name = case.some_name()
    case.use(name)
    pairs = [("web_identity_token_file", case.token_file()), ("role_arn", ROLE + "pod")]
    if turn % 2:
        pairs.append(("role_session_name", "pod-2"))
    if turn % 3 == 0:  # both ways to a role: the token's counts
        pairs += [("source_profile", "base")]
    case.profile(name, case.sts(case.region(pairs)) + (case.keys() if turn % 4 == 1 else []))
    case.profile("base", case.keys(), "credentials")
    if turn % 5 == 4:  # the environment's role comes before the profile's
        case.environment["AWS_ROLE_ARN"] = ROLE + "of-the-environment"


def broken_web_identity(case, turn):
    pairs = case.sts(case.region([]))
    if turn == 0:
        case.environment["AWS_WEB_IDENTITY_TOKEN_FILE"] = case.token_file()
    elif turn == 1:
        case.environment["AWS_WEB_IDENTITY_TOKEN_FILE"] = case.folder + "/missing"
        case.environment["AWS_ROLE_ARN"] = ROLE + "pod"
    elif turn == 2:
        pairs += [("web_identity_token_file", case.token_file())]
    elif turn == 3:
        pairs += [("web_identity_token_file", case.folder), ("role_arn", ROLE + "pod")]
    else:
        pairs += [("web_identity_token_file", case.token_file()), ("role_arn", DENIED)]
    case.profile("default", pairs)


def container(case, turn):
    container_of(case)
    case.profile("default", case.region([("output", "json")]))
    if turn == 0:  # plain HTTP to a host that anyone may be
        case.environment["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = "http://agent.example/v1"


def instance(case, _):
    del case.environment["AWS_EC2_METADATA_DISABLED"]
    case.profile("default", case.region([]))


def nothing(case, turn):
    case.profile("default", case.region([]))
    if turn % 2:
        case.use("nobody")
        case.environment.setdefault("AWS_PROFILE", "nobody")


def person_needed(case, turn):
    sso = [("sso_start_url", "https://sso.example"), ("sso_region", "eu-west-1"),
           ("sso_account_id", "123456789012"), ("sso_role_name", "dev")]
    case.profile("default", case.region(sso[:4 - turn % 2]) + (case.keys() if turn > 1 else []))
