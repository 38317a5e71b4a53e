"""Writes policies/lib/zone_names.lua from a tz database: the Python package tzdata.

Usage: zones.py FOLDER > policies/lib/zone_names.lua, where FOLDER is the package's zoneinfo
Each file of the database ends with the rule that holds from now on, in the
form of POSIX's TZ (RFC 9636, footer). Names that share a rule stand together.
"""

import collections
import os
import sys
import textwrap

ROOT = sys.argv[1]
HEAD = """\
-- Names of time zones by the rule that holds in them from now on, as POSIX's TZ
-- writes it. Made by spec/support/zones.py from the tz database 2026f, to which a
-- spec holds it. Governments change rules: `schedule` takes a rule too.

return {"""


def zones():
    for folder, _, files in os.walk(ROOT):
        for file in files:
            path = os.path.join(folder, file)
            name = os.path.relpath(path, ROOT)
            if name.startswith(("posix/", "right/")) or name in ("posixrules", "localtime"):
                continue
            with open(path, "rb") as stream:
                content = stream.read()
            if content[:4] == b"TZif":
                yield content.rstrip(b"\n").rsplit(b"\n", 1)[1].decode(), name


def main():
    by_rule = collections.defaultdict(list)
    for rule, name in zones():
        by_rule[rule].append(name)
    print(HEAD)
    for rule in sorted(by_rule):
        names = textwrap.wrap(" ".join(sorted(by_rule[rule])), 88, break_on_hyphens=False)
        print(f'  ["{rule}"] =')
        for i, line in enumerate(names):
            end = "," if i == len(names) - 1 else ""
            print(f'    "{line}"{end}' if i == 0 else f'    .. " {line}"{end}')
    print("}")


main()
