"""Files that are broken or odd, and kinds in which nightjar differs on purpose: see the spec's table."""
from case import ROLE
from kinds import container_of

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
    if turn == 7:
        case.difference = "FIPS and an endpoint"
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
    else:  # the SDK stops at it, nightjar goes on to the container
        pairs = case.region([(key, "")])
        container_of(case)
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


def web_identity_before_a_role(case, _):
    case.environment.update({"AWS_WEB_IDENTITY_TOKEN_FILE": case.token_file(),
                             "AWS_ROLE_ARN": ROLE + "pod",
                             "AWS_ENDPOINT_URL_STS": case.endpoint,
                             "AWS_DEFAULT_REGION": "eu-west-1"})
    case.profile("default", case.role() + [("source_profile", "base")])
    case.profile("base", case.keys(), "credentials")
    case.difference = "web identity before a role"
    case.instead = {"AWS_CONFIG_FILE": "/nonexistent"}
