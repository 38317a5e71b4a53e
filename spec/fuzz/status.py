#!/usr/bin/env python3
"""Gives the status server of an agent that runs what no client should send, for a time.

Usage: status.py PROGRAM FOLDER SECONDS
The program is nightjar, built with the sanitizers. What it must do: answer in between
and at the end, say nothing of errors of its own, and end when it is asked to. Prints how many
requests were answered by status; what was sent last, when something does not hold, is written to
FOLDER/crashes/status-*.
"""
import collections
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "support"))
import fuzz_http  # noqa: E402, it stands beside the specs that use it too

PATHS = ["/", "/live", "/ready", "/status", "/metrics", "/snapshot", "/plan", "/history",
         "/explain", "/explain?path=%2Fstock", "/explain?listener=private-8080&path=/", "/curve?path=/stock"]
fuzz_http.SEEDS += [f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode() for path in PATHS]
# So many at a time: most wait for what does not come.
THREADS = 12
# Of an agent whose memory or own code is at fault.
FAULTS = re.compile(r"AddressSanitizer|LeakSanitizer|runtime error:|event=internal_error|"
                    r"nightjar: internal error")


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def start(program, port, tmp):
    environment = {
        "PATH": os.environ["PATH"], "TMP_DIR": tmp, "DISCOVERY": "file", "ENVOY_BIN": "",
        "ENVOY_PID_FILE": f"{tmp}/envoy.pid", "TRIGGER_STOP_FILE": f"{tmp}/stop",
        "ENVOY_ADMIN_PORT": "1", "STATUS_ADDRESS": f"127.0.0.1:{port}", "REFRESH_TIME": "1",
        "STOP_TIMEOUT": "2", "ASAN_OPTIONS": "detect_leaks=1",
        "UBSAN_OPTIONS": "print_stacktrace=1"}
    with open(f"{tmp}/log", "wb") as log:
        return subprocess.Popen([program, "run"], env=environment, stderr=log,
                                stdout=subprocess.DEVNULL)


def lives(port, seconds=20):
    """It answers: at once, or when those who asked too much are gone."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/live", timeout=5) as answer:
                return answer.status == 200
        except OSError:
            time.sleep(0.2)
    return False


def attack(port, seed, until, statuses, last):
    chance = random.Random(seed)
    while time.monotonic() < until:
        text = fuzz_http.mutated(chance)
        last.append(text)
        try:
            said = fuzz_http.try_one(port, text, chance)
        except OSError:
            said = b""
        status = re.match(rb"HTTP/1\.[01] (\d{3}) ", said)
        statuses[status.group(1).decode() if status else "none"] += 1


def fault_of(agent, port, log):
    if agent.poll() is not None:
        return f"the agent has ended with status {agent.returncode}"
    if not lives(port):
        return "the agent does not answer any more"
    agent.send_signal(signal.SIGTERM)
    try:
        status = agent.wait(30)
    except subprocess.TimeoutExpired:
        return "the agent does not end"
    found = FAULTS.search(pathlib.Path(log).read_text(errors="replace"))
    if found:
        return f"the agent's log: {found.group()}"
    return f"the agent has ended with status {status}" if status != 0 else None


def main():
    program, folder, seconds = sys.argv[1], pathlib.Path(sys.argv[2]), float(sys.argv[3])
    tmp, port = tempfile.mkdtemp(), free_port()
    agent = start(program, port, tmp)
    statuses, last = collections.Counter(), collections.deque(maxlen=200)
    try:
        if not lives(port):
            print("fuzz: the agent does not begin to answer")
            print(pathlib.Path(f"{tmp}/log").read_text(errors="replace")[-4000:])
            return 1
        seed, until = random.randrange(1 << 32), time.monotonic() + seconds
        threads = [threading.Thread(target=attack, args=(port, seed + i, until, statuses, last))
                   for i in range(THREADS)]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
        fault = fault_of(agent, port, f"{tmp}/log")
        if "500" in statuses or not {"200", "400", "429"} <= statuses.keys():
            fault = fault or "answers are not of all kinds, or of a fault of its own"
        units = sum(statuses.values())
        print(f"stat::number_of_executed_units: {units}")
        print(f"stat::average_exec_per_sec: {int(units / seconds)}")
        print(f"answers by status: {dict(sorted(statuses.items()))}; seed {seed}")
        if fault:
            crashes = folder / "crashes"
            crashes.mkdir(exist_ok=True)
            for i, text in enumerate(last):
                (crashes / f"status-{i:03}").write_bytes(text)
            print(f"fuzz: {fault}")
            print(pathlib.Path(f"{tmp}/log").read_text(errors="replace")[-4000:])
        return 1 if fault else 0
    finally:
        if agent.poll() is None:
            agent.kill()
            agent.wait()
        shutil.rmtree(tmp)


if __name__ == "__main__":
    sys.exit(main())
