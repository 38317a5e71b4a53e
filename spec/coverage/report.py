#!/usr/bin/env python3
"""Says which lines of C and Lua were run, by file, and which were not.

Usage: report.py BUILD_FOLDER [--some]
Reads what spec/coverage/run left there. Prints a table, writes uncovered.txt (each line that was not
run) and lines.txt (the whole table) into the folder. Lines that spec/coverage/unreached.txt names
(FILE FUNCTION: TEXT), below the reason why specs do not reach them, are counted as such; others, and
names of what is not there any more, make the status 1, unless --some says that only some specs were
run. A named line that was run is told of: some depend on what happens at the same time.
"""
import collections
import glob
import json
import os
import re
import subprocess
import sys

PROGRAMS = ("nightjar", "nightjar-plan")
NAMES = "spec/coverage/unreached.txt"
# What stands alone on a line and ends something: its instruction returns, or makes the function.
NO_STATEMENT = re.compile(r"^(end|else|[})\],;]|until true)+$")
LUA_FUNCTION = re.compile(r"^(?:local )?function ([\w.:]+)|^([\w.\[\]\"/]+) = function")
INSTRUCTION = re.compile(r"^\t\d+\t\[(\d+)\]\t(\w+)", re.M)


def c_lines(folder):
    """File → line → how often it was run, in both programs together; file → its functions."""
    files, functions = collections.defaultdict(collections.Counter), {}
    for program in PROGRAMS:
        base = f"{folder}/counted/{program}"
        for path in sorted(glob.glob(f"{base}/host/**/*.gcda", recursive=True)):
            text = subprocess.run(["gcov", "--json-format", "--stdout", path], check=True,
                                  stdout=subprocess.PIPE).stdout
            for file in json.loads(text)["files"]:
                if file["file"].startswith("host/"):
                    functions[file["file"]] = [(one["start_line"], one["name"]) for one
                                               in file["functions"]]
                    for line in file["lines"]:
                        files[file["file"]][line["line_number"]] += line["count"]
    return files, functions


def active(path):
    """Lines of a Lua file that have an instruction of their own."""
    with open(path, encoding="utf-8") as file:
        source = file.read().split("\n")
    listing = subprocess.run(["luac5.4", "-l", "-p", path], check=True, text=True,
                             stdout=subprocess.PIPE).stdout
    lines = {int(line) for line, code in INSTRUCTION.findall(listing) if code != "VARARGPREP"}
    return {line for line in lines
            if not NO_STATEMENT.match(re.sub(r"\s|--.*$", "", source[line - 1]))}


def lua_lines(folder):
    seen = set()
    for program in PROGRAMS:
        with open(f"{folder}/counted/{program}.lines", encoding="utf-8") as file:
            seen.update(file.read().split("\n"))
    files, functions = {}, {}
    for path in sorted(glob.glob("lua/nightjar/**/*.lua", recursive=True)
                       + glob.glob("policies/**/*.lua", recursive=True)):
        if not path.endswith("_spec.lua") and "/meta/" not in path:
            files[path] = {line: int(f"{path}:{line}" in seen) for line in active(path)}
            with open(path, encoding="utf-8") as file:
                found = [(at, LUA_FUNCTION.match(line)) for at, line in enumerate(file, 1)]
            functions[path] = [(at, one[1] or one[2]) for at, one in found if one]
    return files, functions


def read_names():
    """[reason, place, text, used] for each line of NAMES; a reason stands above those it is for."""
    names, reason = [], ""
    with open(NAMES, encoding="utf-8") as file:
        for line in file.read().split("\n"):
            if line.startswith("# "):
                reason = line[2:]
            elif line.strip():
                place, _, text = line.partition(": ")
                names.append([reason, place, text.strip(), False])
    return names


def missed_of(files, functions, names):
    """(path, line, place, text, reason or None) of each line that was not run."""
    for path, lines in sorted(files.items()):
        with open(path, encoding="utf-8") as file:
            source = [""] + file.read().split("\n")
        for line, count in sorted(lines.items()):
            if count == 0:
                text, reason = source[line].strip(), None
                above = [one for one in functions.get(path, []) if one[0] <= line]
                place = f"{path} {max(above)[1] if above else '(file)'}"
                for name in names:
                    if name[1] == place and name[2] == text:
                        reason, name[3] = name[0], True
                yield path, line, place, text, reason


def holds(path, text):
    if not os.path.exists(path):
        return False
    with open(path, encoding="utf-8") as file:
        return any(line.strip() == text for line in file)


def table(files):
    rows = []
    for path, lines in sorted(files.items()):
        run = sum(count > 0 for count in lines.values())
        rows.append((100 * run / len(lines) if lines else 100, run, len(lines), path))
    return rows


def total(rows):
    run, lines = sum(row[1] for row in rows), sum(row[2] for row in rows)
    return (100 * run / lines, run, lines)


def main():
    folder, some = sys.argv[1], "--some" in sys.argv
    names, report, fault = read_names(), [], False
    with open(f"{folder}/uncovered.txt", "w", encoding="utf-8") as out:
        for language, (files, functions) in (("C", c_lines(folder)), ("Lua", lua_lines(folder))):
            rows, missed = table(files), list(missed_of(files, functions, names))
            for path, line, place, text, reason in missed:
                out.write(f"{path}:{line}: {place.split()[1]}: {text}{'   # ' + (reason or '?')}\n")
            unnamed = [one for one in missed if one[4] is None]
            report += [f"{percent:6.1f} %  {run:5} of {lines:5}  {path}" for percent, run, lines, path
                       in rows]
            percent, run, lines = total(rows)
            report.append(f"{percent:6.2f} %  {run:5} of {lines:5}  {language}, in {len(rows)} files; "
                          f"{len(missed)} lines not run, {len(unnamed)} of them without a reason\n")
            for path, line, place, text, _ in [] if some else unnamed:
                fault = True
                print(f"line {line} is not run, and {NAMES} does not say why: {place}: {text}")
    for _, place, text, used in names:
        there = holds(place.split()[0], text)
        fault = fault or not there
        if not there or not used and not some:
            print(f"{NAMES} names what {'was run' if there else 'is not there'}: {place}: {text}")
    with open(f"{folder}/lines.txt", "w", encoding="utf-8") as out:
        out.write("\n".join(report))
    print("\n".join(report))
    print(f"each line that was not run: {os.path.relpath(folder)}/uncovered.txt")
    return 1 if fault else 0


if __name__ == "__main__":
    sys.exit(main())
