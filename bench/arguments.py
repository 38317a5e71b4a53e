"""What bench/run is told. All of it is looked at before anything is measured, which takes minutes."""

import argparse
import os

import mesh

# What stands between them in a document is the bench's.
BEGIN, END = "<!-- bench/run writes from here -->\n", "<!-- to here -->\n"


def meshes(text):
    names = text.split(",")
    if any(name not in mesh.SIZES for name in names):
        raise argparse.ArgumentTypeError(f"expected some of S,M,L, got {text!r}")
    return [name for name in mesh.SIZES if name in names]


def at_least_one(text):
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number above 0, got {text!r}")
    return int(text)


def output(path):
    if os.path.isdir(path) or not os.access(path if os.path.exists(path)
                                            else os.path.dirname(path) or ".", os.W_OK):
        raise argparse.ArgumentTypeError(f"{path}: cannot be written")
    return path


def document(path):
    try:
        with open(output(path), encoding="utf-8") as file:
            text = file.read()
    except OSError as problem:
        raise argparse.ArgumentTypeError(f"{path}: {problem.strerror}") from problem
    if text.count(BEGIN) != 1 or text.partition(BEGIN)[2].count(END) != 1:
        raise argparse.ArgumentTypeError(f"{path}: expected the two marks of docs/performance.md")
    return path


def read(about, words):
    """The options; a wrong one ends the program with status 2 and says why."""
    parser = argparse.ArgumentParser(description=about.split("\n", maxsplit=1)[0])
    parser.add_argument("nightjar", help="the program; build/bench/ beside it holds the others")
    parser.add_argument("--repetitions", type=at_least_one, default=9)
    parser.add_argument("--mesh", type=meshes, default="S,M,L", help="which of S, M and L")
    parser.add_argument("--short", action="store_true", help="no more than 0 and 5 ms, 3 times")
    parser.add_argument("--markdown", action="store_true", help="tables for docs/performance.md")
    parser.add_argument("--docs", type=document,
                        help="a file that keeps the tables between its two marks")
    parser.add_argument("--svg", type=output, help="where the plot goes (build/bench/growth.svg)")
    parser.add_argument("--json", type=output, help="where all medians go")
    options = parser.parse_args(words)
    if options.short:
        options.repetitions = min(options.repetitions, 3)
    if options.svg and len(options.mesh) < 2:
        parser.error("--svg: the growth of one mesh is no plot: --mesh S,M,L")
    for program in (options.nightjar,
                    os.path.join(os.path.dirname(options.nightjar), "bench", "server")):
        if not os.access(program, os.X_OK):
            parser.error(f"{program} is no program: `make bench` builds it")
    return options
