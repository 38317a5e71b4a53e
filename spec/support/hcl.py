"""A folder of Terraform files as JSON, and what is wrong with their form.

Usage: hcl.py FOLDER. Prints {blocks: [{file, type, labels, body}], problems}. Expressions stay
text, as "${…}"; strings, numbers, lists and objects are values. Form is that of `terraform fmt`, as
far as it is checked here: two spaces for each bracket, `=` aligned in lines that follow each other,
no tabs and nothing at the end of a line.
"""
import json
import pathlib
import re
import sys

import hcl2

ATTRIBUTE = re.compile(r'^ *("[^"]*"|[\w-]+)( +)= (.*)$')


def plain(value):
    """Without the parser's own notes and quotes."""
    if isinstance(value, dict):
        return {unquoted(key): plain(item) for key, item in value.items()
                if not key.startswith("__")}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return unquoted(value) if isinstance(value, str) else value


def unquoted(text):
    return json.loads(text) if text.startswith('"') and text.endswith('"') else text


def without_strings(line):
    return re.sub(r'#.*', "", re.sub(r'"(?:[^"\\]|\\.)*"', '""', line))


def form(name, text):
    depth, run = 0, []

    def end_of_run():
        wanted = max((len(key) for _, key, _ in run), default=0) + 1
        for number, key, spaces in run:
            if len(key) + spaces != wanted:
                yield f"{name}:{number}: `=` is not aligned with its neighbours"
        run.clear()

    if not text.endswith("\n") or text.endswith("\n\n"):
        yield f"{name}: ends with one newline"
    for number, line in enumerate(text.splitlines(), 1):
        if line != line.rstrip() or "\t" in line:
            yield f"{name}:{number}: tabs, or spaces at the end"
        bare = without_strings(line)
        opened = bare.count("{") + bare.count("[") + bare.count("(")
        closed = bare.count("}") + bare.count("]") + bare.count(")")
        closing_first = len(re.match(r"[\]})]*", bare.strip())[0])
        if line and len(line) - len(line.lstrip(" ")) != 2 * (depth - closing_first):
            yield f"{name}:{number}: indented by {len(line) - len(line.lstrip(' '))} spaces"
        depth += opened - closed
        attribute = ATTRIBUTE.match(line)
        if attribute and opened == closed:
            run.append((number, attribute[1], len(attribute[2])))
        else:
            if attribute and len(attribute[2]) != 1:
                yield f"{name}:{number}: one space before `=` where lines follow"
            yield from end_of_run()
    yield from end_of_run()


def blocks(name, parsed):
    for kind, entries in parsed.items():
        for entry in entries if not kind.startswith("__") else []:
            labels = []
            while not entry.get("__is_block__"):
                (label, entry), = ((key, item) for key, item in entry.items()
                                   if not key.startswith("__"))
                labels.append(unquoted(label))
            yield {"file": name, "type": kind, "labels": labels, "body": plain(entry)}


def main(folder):
    found, problems = [], []
    for path in sorted(pathlib.Path(folder).glob("*.tf")):
        text = path.read_text(encoding="utf-8")
        problems += form(str(path), text)
        found += blocks(path.name, hcl2.loads(text))
    print(json.dumps({"blocks": found, "problems": problems}))


main(sys.argv[1])
