"""One way to say where AWS credentials come from; how it is written is up to chance, with a seed."""
import os
import random

SEED = 20261125
ROLE = "arn:aws:iam::123456789012:role/"
REGIONS = ("eu-central-1", "us-east-1", "ap-southeast-2", "us-gov-west-1", "cn-north-1")
# STS refuses this one; see __main__.py.
DENIED = ROLE + "denied"
PROGRAM = """#!/bin/sh
sum=$(printf '%s|' "$@" | cksum | cut -d' ' -f1)
printf '{"Version": 1, "AccessKeyId": "PROC%s", "SecretAccessKey": "SECRET", "SessionToken": %s}' \\
  "$sum" "TOKEN"
"""
WORDS = ("plain", '"two words"', "'single $HOME \\n'", "back\\ slash", '"a \\"quote\\""', '""',
         "a'b'c", "#no-comment", '"a\\nb"', "--x=1;2", "'it'\\''s'", "a:b=c", '"\\\\"')


class Case:
    """One way. `credentials` and `config` are lists of (section, [(key, value)]) or plain text."""

    def __init__(self, number, kind, endpoint, folder):
        self.random = random.Random(f"{SEED} {number}")
        self.name, self.kind, self.endpoint = f"{number:03d} {kind}", kind, endpoint
        self.folder = os.path.join(folder, f"{number:03d}")
        os.makedirs(self.folder)
        self.credentials, self.config, self.secrets = [], [], []
        self.environment = {
            "AWS_SHARED_CREDENTIALS_FILE": os.path.join(self.folder, "credentials"),
            "AWS_CONFIG_FILE": os.path.join(self.folder, "config"), "HOME": self.folder,
            "AWS_EC2_METADATA_SERVICE_ENDPOINT": endpoint, "AWS_EC2_METADATA_DISABLED": "true"}
        # Keys of `difference` are in the spec's table; `instead` is what the SDK has to be told
        # to do as nightjar does on purpose.
        self.explicit = self.difference = self.instead = None

    def chance(self, part):
        return self.random.random() < part

    def pick(self, *choices):
        return self.random.choice(choices)

    def secret(self):
        self.secrets.append("hidden" + "".join(self.random.choices("abcdefgh+/0123", k=24)))
        return self.secrets[-1]

    def write(self, name, text, mode=0o600):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8", newline="") as out:
            out.write(text)
        os.chmod(path, mode)
        return path

    def keys(self, token=0.4):
        pairs = [("aws_access_key_id", "AKIA" + "".join(self.random.choices("ABCDEF234567", k=16))),
                 ("aws_secret_access_key", self.secret())]
        if self.chance(token):
            pairs.append((self.pick("aws_session_token", "aws_session_token",
                                    "aws_security_token"), self.secret()))
        return pairs

    def program(self):
        text = PROGRAM.replace("SECRET", self.secret())
        token = f'\\"{self.secret()}\\"' if self.chance(0.5) else "null"
        os.makedirs(os.path.join(self.folder, "a folder"), exist_ok=True)
        path = self.write("a folder/print", text.replace("TOKEN", token), 0o700)
        words = [self.pick(f'"{path}"', f"'{path}'", path.replace(" ", "\\ "))]
        words += self.random.sample(WORDS, self.random.randint(0, 4))
        if self.chance(0.3):
            words += ["--password", self.secret()]
        return [("credential_process", self.pick(" ", "  ", "\t").join(words))]

    def profile(self, name, pairs, file="config"):
        if file == "credentials":
            self.credentials.append((name, pairs))
            return
        quoted = f'profile "{name}"' if " " in name or self.chance(0.2) else f"profile {name}"
        title = "default" if name == "default" and self.chance(0.7) else quoted
        self.config.append((title, pairs))

    def use(self, name):
        """Makes this the profile in force, in one of the ways to do so."""
        how = self.pick("AWS_PROFILE", "AWS_PROFILE", "AWS_DEFAULT_PROFILE", "explicit")
        if name == "default" and self.chance(0.6):
            return
        if how == "explicit":
            self.explicit = name
        else:
            self.environment[how] = name

    def some_name(self):
        return self.pick("default", "default", "web", "blue-7", "two words", "Ünïcode", "a.b@c")

    def region(self, pairs):
        """A region: of the environment or the profile. One is always known."""
        if self.chance(0.5):
            pairs.append(("region", self.pick(*REGIONS)))
            if self.chance(0.7):
                return pairs
        self.environment["AWS_DEFAULT_REGION"] = self.pick(*REGIONS)
        return pairs

    def sts(self, pairs):
        """STS is the double, in one of the ways to say so; calls for roles need this."""
        how = self.pick("AWS_ENDPOINT_URL_STS", "AWS_ENDPOINT_URL", "services", "endpoint_url")
        if how == "services":
            pairs.append(("services", "local"))
            self.config.append(("services local", [
                ("sts", f"\n  endpoint_url = {self.endpoint}"),
                ("servicediscovery", "\n   endpoint_url = https://mesh.example:8443/x")]))
        elif how == "endpoint_url":
            pairs.append((how, self.endpoint))
        else:
            self.environment[how] = self.endpoint
        return pairs

    def role(self, arn=None):
        pairs = [("role_arn", arn or ROLE + self.pick("web", "path/to/web", "mesh", "x"))]
        if self.chance(0.5):
            pairs.append(("external_id", "id-" + str(self.random.randint(1, 999))))
        if self.chance(0.5):
            pairs.append(("role_session_name", "spec-" + str(self.random.randint(1, 99))))
        if self.chance(0.5):
            pairs.append(("duration_seconds", self.pick("900", "3600", "43200", "soon")))
        return pairs

    def token_file(self, name="token"):
        return self.write(name, self.secret() + "." + self.secret())

    def end(self):
        for name in ("credentials", "config"):
            content = getattr(self, name)
            text = content if isinstance(content, str) else self.render(content)
            if text or self.chance(0.3):
                self.write(name, text)
        return {"name": self.name, "kind": self.kind, "environment": self.environment,
                "explicit": self.explicit, "secrets": self.secrets, "folder": self.folder,
                "difference": self.difference, "instead": self.instead}

    def render(self, sections):
        if self.chance(0.3):
            sections = sections[::-1]
        lines = ["# who we are", ""] if self.chance(0.3) else []
        for title, pairs in sections:
            lines.append(f"[{title}]" + self.pick("", "", " # old", "  "))
            indent = self.pick("", "", "", "  ", "\t")
            if self.chance(0.2):
                pairs = pairs + [("x_unknown", "1; # 2"), ("s3", "\n    max_queue_size = 9")]
            for key, value in pairs:
                if self.chance(0.15):
                    lines.append(self.pick("", "# a line", "  ; another", "\t"))
                key = key.upper() if self.chance(0.1) else key
                delimiter = self.pick("=", " = ", " = ", ": ", " :", "  =\t")
                value = value.replace("\n", "\n" + indent)
                lines.append(f"{indent}{key}{delimiter}{value}{self.pick('', '', '  ')}")
            lines.append("")
        end = "\r\n" if self.chance(0.2) else "\n"
        return "\n".join(lines).replace("\n", end) + self.pick("", end)
