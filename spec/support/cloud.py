"""Calls AWS operations with the real SDK, for the system specs.

Usage: cloud.py ENDPOINT < COMMANDS
COMMANDS is a JSON list of {"service", "operation", "parameters", "as"?}; the
operations are boto3's method names. A string "$name.Key.Key" in parameters
stands for that part of the answer to the command with that "as". Prints the
JSON list of answers. Credentials and region come from the environment.
"""

import json
import sys

import boto3
import botocore.config


def resolve(value, known):
    if isinstance(value, dict):
        return {key: resolve(item, known) for key, item in value.items()}
    if isinstance(value, list):
        return [resolve(item, known) for item in value]
    if isinstance(value, str) and value.startswith("$"):
        name, *path = value[1:].split(".")
        found = known[name]
        for key in path:
            found = found[int(key) if isinstance(found, list) else key]
        return found
    return value


def main():
    clients, known, answers = {}, {}, []
    for command in json.load(sys.stdin):
        service = command["service"]
        if service not in clients:
            # The emulator has one host name for everything.
            clients[service] = boto3.client(
                service, endpoint_url=sys.argv[1],
                config=botocore.config.Config(inject_host_prefix=False))
        call = getattr(clients[service], command["operation"])
        answer = call(**resolve(command.get("parameters", {}), known))
        answer.pop("ResponseMetadata", None)
        known[command.get("as", "")] = answer
        answers.append(answer)
    json.dump(answers, sys.stdout, default=str)


main()
