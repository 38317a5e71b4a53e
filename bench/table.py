"""The tables: what was measured, as aligned text or as Markdown, with ratios and targets."""

import math
import os
import platform
import time

import mesh

ZERO, FIVE, TWENTY, TLS = "0 ms", "5 ms", "20 ms", "5 ms, TLS"
ENDING = TLS + ", ending"
NONE = "–"


class Result:
    """Medians by mesh, variant and figure; what was not measured is None and stays so."""

    def __init__(self, medians, go_missing=None):
        self.medians, self.go_missing = medians, go_missing

    def get(self, name, key, variant=ZERO):
        return self.medians.get(name, {}).get(variant, {}).get(key)

    def cell(self, name, key, form, variant=ZERO):
        """One figure as text; where Go is missing its cells say so."""
        value = self.get(name, key, variant)
        if value is None and self.go_missing and key.startswith("go_"):
            return "no Go"
        return form(value)

    def ratio(self, above, below):
        return above / below if above is not None and below else None

    def rounds(self, name, key, variant):
        """Seconds that the round trips of a pass take at least, eight calls at a time."""
        calls = self.get(name, key, variant)
        latency = float(variant.split()[0]) / 1000
        return None if calls is None else math.ceil(round(calls) / mesh.AT_A_TIME) * latency


def number(value, digits=3, unit=""):
    """With as many digits as say something; a dash for what is not known."""
    if value is None:
        return NONE
    if value == 0:
        return "0" + unit
    places = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    return f"{value:,.{places}f}{unit}" if places < 7 else "0" + unit


def ms(value):
    return number(None if value is None else value * 1000, 3)


def mib(value):
    return number(value, 3)


def kib(value):
    return number(None if value is None else value / 1024, 3)


def part(value):
    """A ratio below one as 1/N, above as N."""
    if value is None:
        return NONE
    return f"1/{number(1 / value, 3)}" if value < 1 else number(value, 3)


def layout(title, header, rows, markdown):
    """One table. The first column is text, the others stand to the right."""
    rows = [[str(cell) for cell in row] for row in rows]
    if markdown:
        lines = [f"### {title}", "", "| " + " | ".join(header) + " |",
                 "|---" + "|---:" * (len(header) - 1) + "|"]
        return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows]) + "\n"
    widths = [max(len(row[column]) for row in [header, *rows]) for column in range(len(header))]
    lines = [title]
    for row in [header, *rows]:
        cells = [row[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(row[1:], widths[1:])]
        lines.append("  " + "  ".join(cells).rstrip())
    return "\n".join(lines) + "\n"


# What is measured of whom, by the key of its CPU (or wall) without the end.
WHO = (("boto3 and pystache, one process", "python_"), ("Go, one process", "go_once_"),
       ("Go, a pass while it runs", "go_"), ("`nightjar once`, first pass", "first_"),
       ("`nightjar once`, unchanged", "again_"), ("`nightjar run`, unchanged pass", ""),
       ("`nightjar run`, changed pass", "changed_"))
LIMITS = (("limit: requests of a first pass", "limit_first_"),
          ("limit: requests of an unchanged pass", "limit_"),
          ("limit: cJSON parsing of a first pass's answers", "limit_first_parse"),
          ("limit: cJSON parsing of an unchanged pass's", "limit_parse"),
          ("limit: writing the generation", "limit_write_"))


def cpu_table(result, names, markdown):
    """Without latency, and what other connections cost on S."""
    others = [("S", variant) for variant in result.medians.get("S", {})
              if variant not in (ZERO, FIVE, TWENTY)]
    rows = []
    for text, key in WHO + LIMITS:
        full = key if key.endswith("parse") else key + "cpu"
        rows.append([text] + [result.cell(name, full, ms) for name in names]
                    + [result.cell(name, full, ms, variant) for name, variant in others])
    return layout("CPU of a pass, in ms",
                  ["", *names, *(f"{name}, {variant}" for name, variant in others)], rows, markdown)


def ratio_table(result, names, markdown):
    """Whose CPU is how many times nightjar's, for what may be compared."""
    pairs = (("boto3 and pystache / `nightjar run`, unchanged", "python_cpu", "cpu"),
             ("boto3 and pystache / `nightjar run`, changed", "python_cpu", "changed_cpu"),
             ("boto3 and pystache / `nightjar once`, first", "python_cpu", "first_cpu"),
             ("Go while it runs / `nightjar run`, unchanged", "go_cpu", "cpu"),
             ("Go, one process / `nightjar once`, first", "go_once_cpu", "first_cpu"),
             ("`nightjar run`, unchanged / limit of its requests and parsing", "cpu", None))
    rows = []
    for text, above, below in pairs:
        row = [text]
        for name in names:
            base = result.get(name, below) if below else \
                (result.get(name, "limit_cpu") or 0) + (result.get(name, "limit_parse") or 0)
            row.append(number(result.ratio(result.get(name, above), base), 3))
        rows.append(row)
    return layout("CPU as ratios", ["", *names], rows, markdown)


def wall_table(result, names, markdown):
    columns = [(name, variant) for name in names for variant in result.medians[name]]
    rows = [[text] + [result.cell(name, key + "wall", ms, variant) for name, variant in columns]
            for text, key in WHO[:-1] + LIMITS[:2]]
    rows.append(["limit: round trips of an unchanged pass"] + [
        ms(result.rounds(name, "calls", variant)) for name, variant in columns])
    rows.append(["start of `nightjar run` to the first generation"] + [
        ms(result.get(name, "start", variant)) for name, variant in columns])
    return layout("Wall time of a pass, in ms, by mesh and by the endpoint's latency",
                  ["", *(f"{name}, {variant}" for name, variant in columns)], rows, markdown)


def memory_table(result, names, markdown):
    lines = (("`nightjar run`, resident", "resident", ZERO),
             ("of which anonymous", "anonymous", ZERO),
             ("the same many passes later, resident", "later_resident", ZERO),
             ("of which anonymous", "later_anonymous", ZERO),
             ("with TLS, many passes later, resident", "later_resident", TLS),
             ("of which anonymous", "later_anonymous", TLS),
             ("with TLS, connections ending, resident", "later_resident", ENDING),
             ("of which anonymous", "later_anonymous", ENDING),
             ("`nightjar-plan` at its peak, resident", "plan_peak", ZERO),
             ("of which anonymous", "plan_anonymous", ZERO),
             ("Go, resident", "go_resident", ZERO), ("of which anonymous", "go_anonymous", ZERO),
             ("Go, many passes later, resident", "go_later_resident", ZERO),
             ("of which anonymous", "go_later_anonymous", ZERO),
             ("Go with TLS, many passes later, resident", "go_later_resident", TLS),
             ("of which anonymous", "go_later_anonymous", TLS),
             ("boto3 and pystache at its peak", "python_peak", ZERO))
    return layout("Memory, in MiB", ["", *names],
                  [[text] + [result.cell(name, key, mib, variant) for name in names]
                   for text, key, variant in lines], markdown)


def traffic_table(result, names, markdown):
    plain = lambda value: number(value, 3)  # noqa: E731
    lines = (("calls of a first pass", "first_calls", plain),
             ("calls of an unchanged pass, on average", "calls", plain),
             ("calls of the peer in Go", "go_calls", plain),
             ("calls of the peer in Python", "python_calls", plain),
             ("KiB received, first pass", "first_read", kib),
             ("KiB received, unchanged pass", "read", kib),
             ("KiB sent, unchanged pass", "sent", kib),
             ("KiB written, unchanged pass", "written", kib),
             ("KiB written, changed pass", "changed_written", kib),
             ("KiB of a generation", "generation", kib),
             ("KiB of the files of the peer in Go", "go_bytes", kib),
             ("KiB of the files of the peer in Python", "python_bytes", kib))
    return layout("Calls and bytes", ["", *names],
                  [[text] + [result.cell(name, key, form) for name in names]
                   for text, key, form in lines], markdown)


def envoy_table(result, names, markdown):
    lines = (("start to the first generation, its bootstrap validated, ms",
              "envoy_generation", ms),
             ("start to the first answer through Envoy, ms", "envoy_serves", ms),
             ("changed pass, from its first request to in force, ms", "in_force", ms),
             ("of which from the answer that tells of the change, ms", "answered", ms),
             ("Envoy's CPU for one changed endpoint, ms", "envoy_cpu", ms),
             ("admin requests for each unchanged pass", "admin", lambda one: number(one, 2)))
    return layout("With a real Envoy", ["", *names],
                  [[text] + [result.cell(name, key, form) for name in names]
                   for text, key, form in lines], markdown)


def targets(result, names):
    """[what, target, measured, whether it is met (None: not measured)]"""
    get, ratio = result.get, result.ratio
    rows = []

    def row(what, target, value, form, limit):
        rows.append([what, target, form(value), None if value is None else value <= limit])

    cpu = get("S", "cpu")
    row("CPU of an unchanged pass on S, of boto3 and pystache", "≤ 1/75",
        ratio(cpu, get("S", "python_cpu")), part, 1 / 75)
    row("CPU of an unchanged pass on S, of Go while it runs", "≤ 1/2",
        ratio(cpu, get("S", "go_cpu")), part, 1 / 2)
    row("CPU of a changed pass on S, of boto3 and pystache", "≤ 1/75",
        ratio(get("S", "changed_cpu"), get("S", "python_cpu")), part, 1 / 75)
    row("CPU of a first pass on S, one process each, of Go", "≤ 1/2",
        ratio(get("S", "first_cpu"), get("S", "go_once_cpu")), part, 1 / 2)
    row("wall of an unchanged pass on S at 5 ms, of its round trips", "≤ 1.3",
        ratio(get("S", "wall", FIVE), result.rounds("S", "calls", FIVE)), part, 1.3)
    for how, variant in (("", ZERO), (" with TLS", TLS)):
        row(f"agent on S{how}, resident, MiB", "≤ 14", get("S", "later_resident", variant), mib, 14)
        row(f"agent on S{how}, anonymous, MiB", "≤ 4", get("S", "later_anonymous", variant), mib, 4)
    row("`nightjar-plan` on S, MiB", "≤ 10", get("S", "plan_peak"), mib, 10)
    row("`nightjar-plan` on L, MiB", "≤ 64", get("L", "plan_peak"), mib, 64)
    for variant in (ZERO, FIVE):
        start = get("S", "start", variant)
        trips = result.rounds("S", "first_calls", variant)
        row(f"first generation on S at {variant} without its round trips, ms", "≤ 150",
            None if start is None else start - trips, ms, 0.150)
    if "M" in names and "L" in names:
        grown = mesh.endpoints("L") / mesh.endpoints("M")
        for what, key in (("CPU of an unchanged pass", "cpu"), ("CPU of a first pass", "first_cpu"),
                          ("wall of an unchanged pass", "wall"), ("resident memory", "resident"),
                          ("memory of `nightjar-plan`", "plan_peak")):
            row(f"growth from M to L: {what}", f"≤ {grown:.0f}",
                ratio(get("L", key), get("M", key)), part, grown)
    row("written by an unchanged pass on S, KiB", "0", get("S", "written"), kib, 0)
    row("requests to Envoy for an unchanged pass on S", "≤ 1", get("S", "admin"),
        lambda one: number(one, 2), 1)
    row("wake-ups of an idle agent in a second", "≤ 1", get("S", "wakeups"),
        lambda one: number(one, 2), 1)
    row("calls of a pass on S", "≤ 40", get("S", "calls"), lambda one: number(one, 3), 40)
    return rows


def target_table(result, names, markdown):
    words = {None: "not measured", True: "yes", False: "no"}
    return layout("Targets", ["", "target", "measured", "met"],
                  [[*row[:3], words[row[3]]] for row in targets(result, names)], markdown)


def processor():
    """The processor's name, as far as the kernel tells it."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            for line in file:
                if line.startswith("model name"):
                    return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.machine()


def head(names, repetitions, go_missing):
    meshes = "; ".join(
        f"{name} = {mesh.SIZES[name].services} services x {mesh.SIZES[name].colors} colours x "
        f"{mesh.SIZES[name].instances} instances" for name in names)
    kernel = ".".join(platform.release().split(".")[:2])
    text = (f"{time.strftime('%Y-%m-%d')}: {os.cpu_count()} processors ({processor()}), Linux "
            f"{kernel}. Medians of up to {repetitions} repetitions.\n{meshes}.\n")
    if go_missing:
        text += f"Not measured: no Go for the peer ({go_missing})\n"
    return text


def render(medians, names, repetitions, go_missing, markdown):
    """All tables, one after the other."""
    result = Result(medians, go_missing)
    tables = (target_table, cpu_table, ratio_table, wall_table, memory_table, traffic_table,
              envoy_table)
    return "\n".join([head(names, repetitions, go_missing)]
                     + [one(result, names, markdown) for one in tables])
