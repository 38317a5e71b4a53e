"""Task definitions against ECS's public service model: what RegisterTaskDefinition would not take.

Usage: ecs.py FILE, which holds {name: task definition}. Prints {name: problem}, {} if all are well.
"""
import json
import sys

import botocore.session
from botocore.validate import ParamValidator


def main(path):
    operation = botocore.session.get_session().get_service_model("ecs").operation_model(
        "RegisterTaskDefinition")
    with open(path, encoding="utf-8") as file:
        tasks = json.load(file)
    problems = {}
    for name, task in tasks.items():
        report = ParamValidator().validate(task, operation.input_shape).generate_report()
        if report:
            problems[name] = report
    print(json.dumps(problems))


main(sys.argv[1])
