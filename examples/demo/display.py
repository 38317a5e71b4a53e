"""What the demo shows: a table that is drawn anew on a terminal, plain lines anywhere else."""

import math
import shutil
import sys
import textwrap
import time

BAR = 30  # characters for 100 %
MESSAGE_LINES = 4


def near(wanted, measured, requests):
    """Whether a measured share is what chance allows for the wanted one. Shares are 0 to 1."""
    chance = math.sqrt(wanted * (1 - wanted) / requests) if requests else 0
    return requests > 0 and abs(measured - wanted) <= 0.02 + 4 * chance


class Split:
    """One path's wanted and measured shares."""

    def __init__(self, path, weights, counts):
        self.path = path
        total = sum(weights.values()) or 1
        self.requests = sum(counts.values())
        names = list(weights) + sorted(str(name) for name in counts if name not in weights)
        self.rows = [(name, weights.get(name, 0) / total,
                      counts.get(name, 0) / (self.requests or 1)) for name in names]

    def near(self):
        return all(near(wanted, measured, self.requests) for _, wanted, measured in self.rows)


def summary(traffic, seconds):
    return (f"{seconds:6.1f} s   {traffic.requests} requests   {traffic.errors} errors   "
            f"{traffic.connections} connections opened")


def percent(measured, split):
    """A measured share; before the first answer there is none."""
    return f"{measured:.1%}" if split.requests else "-"


def table(traffic, splits, seconds):
    """The lines for a terminal."""
    lines = ["", summary(traffic, seconds), "",
             f"  {'path':<10} {'answered by':<28} {'wanted':>7} {'measured':>9}"]
    for split in splits:
        path = split.path
        for name, wanted, measured in split.rows:
            bar = "#" * round(measured * BAR)
            lines.append(f"  {path:<10} {name:<28} {wanted:7.1%} {percent(measured, split):>9}  {bar}")
            path = ""
    return lines + [""]


def line(traffic, splits, seconds, message):
    """The same in one line, for a log or a pipe."""
    parts = [f"{seconds:.0f}s requests={traffic.requests} errors={traffic.errors} "
             f"connections={traffic.connections}"]
    for split in splits:
        if len(split.rows) > 1:
            parts.append(split.path + " " + ", ".join(
                f"{name} {percent(measured, split)} (wanted {wanted:.1%})"
                for name, wanted, measured in split.rows))
    return " | ".join(parts) + (f" | {message}" if message else "")


class Display:
    """Writes to standard output. `every` is the pause between two drawings, in seconds."""

    def __init__(self):
        self.terminal = sys.stdout.isatty()
        self.every = 0.25 if self.terminal else 2.0
        self.drawn = 0
        self.began = time.monotonic()

    def start(self):
        self.began = time.monotonic()

    def seconds(self):
        return time.monotonic() - self.began

    def show(self, traffic, splits, message):
        if not self.terminal:
            print(line(traffic, splits, self.seconds(), message), flush=True)
            return
        size = shutil.get_terminal_size()
        lines = table(traffic, splits, self.seconds())
        lines += textwrap.wrap(message or "", size.columns - 1, max_lines=MESSAGE_LINES)
        lines = lines[:max(size.lines - 1, 1)]
        back = f"\x1b[{self.drawn}A" if self.drawn else ""
        text = "".join(f"\x1b[2K{one[:size.columns - 1]}\n" for one in lines)
        sys.stdout.write(f"{back}\r{text}\x1b[J")
        sys.stdout.flush()
        self.drawn = len(lines)
