"""The kinds of ways that profiles.py makes; each function fills in one case."""
import profiles
from profiles import BAD_PROGRAMS, DENIED, ROLE

FAR = "nobody@example"


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


def web_identity_before_a_role(case, _):
    case.environment.update({"AWS_WEB_IDENTITY_TOKEN_FILE": case.token_file(),
                             "AWS_ROLE_ARN": ROLE + "pod",
                             "AWS_ENDPOINT_URL_STS": case.endpoint,
                             "AWS_DEFAULT_REGION": "eu-west-1"})
    case.profile("default", case.role() + [("source_profile", "base")])
    case.profile("base", case.keys(), "credentials")
    case.difference = "web identity before a role"
    case.instead = {"AWS_CONFIG_FILE": "/nonexistent"}


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


BROKEN = (
    "[default]\naws_access_key_id = A\naws_access_key_id = B\naws_secret_access_key = SECRET\n",
    "[default]\naws_access_key_id = A\n[default]\naws_secret_access_key = SECRET\n",
    "aws_access_key_id = A\naws_secret_access_key = SECRET\n",
    "[default]\naws_access_key_id = A\naws_secret_access_key SECRET\n",
    "[default\naws_access_key_id = A\naws_secret_access_key = SECRET\n",
    "[default]\n= A\naws_secret_access_key = SECRET\n",
    "[default]\naws_access_key_id = A\naws_secret_access_key = SECRET\ns3 =\n  SECRET\n",
    "[default]\naws_access_key_id = A\naws_secret_access_key = SECRET\n[]\n",
)


def broken_file(case, turn):
    text = BROKEN[turn // 2 % len(BROKEN)].replace("SECRET", case.secret())
    case.environment["AWS_DEFAULT_REGION"] = "eu-west-1"
    other = [("default", case.keys())]
    case.config, case.credentials = (text, other) if turn % 2 else (other, text)


ODD = (
    # A value that goes on in the next line; a comment between; a key that only looks like one.
    "[default]\naws_access_key_id = A\naws_secret_access_key = SECRET\n  and more\n",
    "[default]\naws_access_key_id = A\n  # not this\naws_secret_access_key = SECRET#; x\n",
    " [default]\n aws_access_key_id = A\n aws_secret_access_key = SECRET\n",
    "[default] x\naws_access_key_id=A=B:C\naws_secret_access_key:SECRET\n",
    "[default]\n\naws_access_key_id = A\n\n\naws_secret_access_key = SECRET\n\n\n",
    "[default]\nregion =\n  eu = west\naws_access_key_id = A\naws_secret_access_key = SECRET\n",
    "\n; x\n[default]\naws_access_key_id\t=\tA\naws_secret_access_key = SECRET\\\n",
    "[Default]\naws_access_key_id = A\naws_secret_access_key = SECRET\n",
)


def odd_file(case, turn):
    text = ODD[turn % len(ODD)].replace("SECRET", case.secret())
    case.environment["AWS_DEFAULT_REGION"] = "eu-west-1"
    if turn % 2:
        case.config = text
    else:
        case.credentials = text


TITLES = ("profile web", '  profile  web', 'profile "web"', "profile 'web'", "profile\tweb",
          "profiles web", "profile web x", "web", "profile", 'profile "web')


def title(case, turn):
    keys, other = case.keys(), case.keys()
    if turn % 2 == 0:
        case.environment["AWS_PROFILE"] = "web"
    case.environment["AWS_DEFAULT_REGION"] = "eu-west-1"
    case.config = (f"[{TITLES[turn % len(TITLES)]}]\naws_access_key_id = {keys[0][1]}\n"
                   f"aws_secret_access_key = {keys[1][1]}\n")
    case.credentials = [("default", other)]
    if turn % 2:
        case.environment["AWS_PROFILE"] = "web"


def endpoints(case, turn):
    pairs = case.region(case.keys())
    services = case.pick("mine", "my services")
    if turn % 2 == 0:
        pairs += [("services", "gone" if turn == 4 else services),
                  ("endpoint_url", "https://all.example/base/")]
        case.config.append((f'services "{services}"', [
            (case.pick("servicediscovery", "sts", "ec2"),
             "\n  endpoint_url = http://127.0.0.1:4566\n  other = 1")]))
    if turn % 3 == 1:
        case.environment[case.pick("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_STS",
                                   "AWS_ENDPOINT_URL_SERVICEDISCOVERY")] = "https://env.example"
    if turn in (3, 8, 9):
        case.environment["AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"] = "true"
    if turn in (9, 11):
        pairs.append(("use_dualstack_endpoint", "true"))
    if turn in (7, 8, 11):
        case.environment["AWS_USE_FIPS_ENDPOINT"] = "true"
    case.profile("default", pairs)


def aws_region(case, _):
    """Every SDK but botocore reads it, and the guide names it first."""
    case.environment.update({"AWS_REGION": "eu-west-2", "AWS_DEFAULT_REGION": "eu-west-1"})
    pairs = case.sts(case.role()) + [("source_profile", "base")]
    case.profile("default", pairs)
    case.profile("base", case.keys())
    case.difference, case.instead = "AWS_REGION", {"AWS_DEFAULT_REGION": "eu-west-2"}


def region_of_the_instance(case, turn):
    del case.environment["AWS_EC2_METADATA_DISABLED"]
    if turn % 2:
        case.profile("default", case.sts(case.role()) + [
            ("credential_source", "Ec2InstanceMetadata")])
    case.difference = "region of the instance"
    case.instead = {"AWS_DEFAULT_REGION": "eu-north-1"}


def two_profiles_asked_for(case, _):
    case.profile("one", case.region(case.keys()), "credentials")
    case.profile("two", case.keys(), "credentials")
    case.environment.update({"AWS_PROFILE": "one", "AWS_DEFAULT_PROFILE": "two",
                             "AWS_DEFAULT_REGION": "eu-west-1"})
    case.difference, case.instead = "AWS_PROFILE first", {"AWS_DEFAULT_PROFILE": "one"}


def empty_value(case, turn):
    key = ("role_arn", "aws_access_key_id", "credential_process", "role_session_name")[turn]
    if turn == 3:
        pairs = case.sts(case.region([("role_arn", ROLE + "web")])) + [
            ("source_profile", "base"), (key, "")]
    else:
        pairs = case.region([(key, "")])
    case.profile("default", pairs)
    case.profile("base", case.keys())
    whole = [pair for pair in pairs if pair[1] != ""]
    case.profile("full", whole)
    case.difference, case.instead = "an empty value", {"AWS_PROFILE": "full"}


def line_end_of_a_token(case, turn):
    if turn % 2:
        container_of(case)
        token = case.secret()
        case.environment.pop("AWS_CONTAINER_AUTHORIZATION_TOKEN", None)
        case.environment["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"] = case.write("a", token + "\n")
        case.instead = {"AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": case.write("b", token)}
    else:
        token = case.secret()
        case.environment.update({"AWS_WEB_IDENTITY_TOKEN_FILE": case.write("a", token + "\n"),
                                 "AWS_ROLE_ARN": ROLE + "pod",
                                 "AWS_ENDPOINT_URL": case.endpoint})
        case.instead = {"AWS_WEB_IDENTITY_TOKEN_FILE": case.write("b", token)}
    case.environment["AWS_DEFAULT_REGION"] = "eu-west-1"
    case.difference = "the line end of a token"


def older_token_variable(case, _):
    for key, value in case.keys(0):
        case.environment[key.upper()] = value
    case.environment.update({"AWS_SESSION_TOKEN": case.secret(), "AWS_DEFAULT_REGION": "eu-west-1",
                             "AWS_SECURITY_TOKEN": case.secret()})
    case.difference, case.instead = "AWS_SECURITY_TOKEN", {"AWS_SECURITY_TOKEN": None}


def section_default(case, _):
    keys = case.keys(0)
    case.config = (f"[DEFAULT]\naws_secret_access_key = {keys[1][1]}\nregion = eu-west-3\n"
                   f"[profile web]\naws_access_key_id = {keys[0][1]}\n")
    case.environment.update({"AWS_PROFILE": "web", "AWS_DEFAULT_REGION": "eu-west-1"})
    case.difference = "section DEFAULT"


KINDS = (
    (environment, 10), (half_of_the_environment, 4), (credentials_file, 12), (config_file, 12),
    (both_files, 9), (half_of_a_profile, 4), (credential_process, 13), (bad_credential_process, 9),
    (chain, 20), (self_reference, 6), (circle, 3), (broken_chain, 11), (out_of_bounds, 4),
    (credential_source, 9), (web_identity_of_the_environment, 6), (web_identity_before_a_role, 2),
    (web_identity_of_a_profile, 7), (broken_web_identity, 5), (container, 4), (instance, 3),
    (nothing, 4), (person_needed, 4), (broken_file, 14), (odd_file, 8), (title, 10),
    (endpoints, 12), (aws_region, 2), (region_of_the_instance, 2), (two_profiles_asked_for, 1),
    (empty_value, 4), (line_end_of_a_token, 2), (older_token_variable, 1), (section_default, 1),
)
