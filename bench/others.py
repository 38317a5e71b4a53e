"""What nightjar is measured against: the peers in Python and Go, and the limits of limits.c."""

import json
import os
import subprocess
import sys
import time

import mesh
import proc

HERE = os.path.dirname(os.path.abspath(__file__))


def python_pass(environment, folder):
    """One process of boto3 and pystache."""
    run = proc.run([sys.executable, os.path.join(HERE, "peer.py"),
                    os.path.join(folder, "python")], environment)
    return {**json.loads(run["output"]), "cpu": run["cpu"], "wall": run["wall"]}


def go_missing(programs):
    """Why there is no peer in Go; nothing if there is one."""
    if os.path.exists(f"{programs}/peer"):
        return None
    return proc.read(f"{programs}/peer.missing").strip() or "not built"


def go_command(programs, environment, folder):
    command = [f"{programs}/peer", "--folder", os.path.join(folder, "go"),
               "--port", environment["SERVICE_PORT"]]
    return command


def go_pass(programs, environment, folder):
    """One process of the peer in Go that makes one pass."""
    run = proc.run(go_command(programs, environment, folder), environment)
    return {**json.loads(run["output"]), "cpu": run["cpu"], "wall": run["wall"]}


class GoPeer:
    """The peer in Go as a program that keeps running: a pass when asked for one."""

    def __init__(self, programs, environment, folder):
        self.process = subprocess.Popen(
            go_command(programs, environment, folder) + ["--on-input"], env=environment,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait(30)
        self.process.stdout.close()

    def make(self, rest=0):
        """One pass, after a rest of so many seconds."""
        time.sleep(rest)
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            sys.exit("bench: the peer in Go has ended")
        return json.loads(line)


class Limits:
    """limits.c on what nightjar's own passes asked for and wrote."""

    def __init__(self, programs, endpoint, folder):
        self.program, self.endpoint, self.folder = f"{programs}/limits", endpoint, folder

    def measure(self, *arguments):
        done = subprocess.run([self.program, *arguments], capture_output=True, text=True,
                              check=False)
        if done.returncode != 0:
            sys.exit(f"bench: {done.stderr}")
        return json.loads(done.stdout)

    def requests(self, operations):
        """Raw requests over kept connections, eight at a time; then the answers' parsing alone."""
        asked = os.path.join(self.folder, "requests")
        answers = os.path.join(self.folder, "answers")
        with open(asked, "w", encoding="utf-8") as file:
            file.write(self.endpoint.requests(operations))
        address, port = self.endpoint.url.split("//")[1].split(":")
        sent = self.measure("requests", address, port, str(mesh.AT_A_TIME), asked, answers)
        return sent, self.measure("parse", answers)

    def write(self, paths):
        """Copies of the files of a generation."""
        to = os.path.join(self.folder, "copies")
        os.makedirs(to, exist_ok=True)
        return self.measure("write", to, *paths)
