"""CloudFormation templates as JSON, and what cfn-lint says of them.

Usage: cfn.py FILE… Prints {FILE: {template, problems}}; a tag such as !Ref is {"Ref": …} there.
"""
import json
import pathlib
import sys

from cfnlint import decode
from cfnlint.api import ManualArgs, lint_file


def main(paths):
    answer = {}
    for path in paths:
        template, _ = decode.decode(path)
        found = lint_file(pathlib.Path(path), config=ManualArgs(regions=["eu-central-1"]))
        problems = [f"{path}:{one.linenumber}: {one.rule.id} {one.message}" for one in found]
        answer[path] = {"template": template, "problems": problems}
    print(json.dumps(answer, default=str))


main(sys.argv[1:])
