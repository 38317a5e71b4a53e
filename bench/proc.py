"""What the kernel counts of a process: CPU, memory, wake-ups, bytes written."""

import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time

TICK = os.sysconf("SC_CLK_TCK")


def read(path):
    """A file of /proc; empty when the process or the counter is not there."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


def cpu(pid, children=True):
    """CPU seconds of a process and of the children it has waited for.

    Its own are counted in nanoseconds by the scheduler; those of children come in ticks of 10 ms,
    so they are right on average over many passes only.
    """
    fields = read(f"/proc/{pid}/stat").rsplit(")", 1)[-1].split()
    own = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        words = read(f"/proc/{pid}/task/{task}/schedstat").split()
        own += int(words[0]) / 1e9 if words else 0
    if not own:
        own = (int(fields[11]) + int(fields[12])) / TICK
    return own + ((int(fields[13]) + int(fields[14])) / TICK if children else 0)


def memory(pid):
    """Resident and anonymous memory in MiB."""
    text = read(f"/proc/{pid}/status")
    return [int(re.search(rf"{field}:\s+(\d+)", text)[1]) / 1024 for field in ("VmRSS", "RssAnon")]


def wakeups(pid):
    """How often a process has waited and gone on."""
    found = re.search(r"\nvoluntary_ctxt_switches:\s+(\d+)", read(f"/proc/{pid}/status"))
    return int(found[1])


def written(pid):
    """Bytes that a process has sent on their way to a disk, in whole pages; None if unknown."""
    found = re.search(r"\nwrite_bytes: (\d+)", read(f"/proc/{pid}/io"))
    return int(found[1]) if found else None


def children(pid):
    return read(f"/proc/{pid}/task/{pid}/children").split()


def end_children(seconds=15):
    """Ends those that still run, be they stopped or not: an agent takes its Envoy along."""
    deadline, pids = time.monotonic() + seconds, [int(pid) for pid in children(os.getpid())]
    for pid in pids:
        os.kill(pid, signal.SIGCONT)
        os.kill(pid, signal.SIGTERM)
    for pid in pids:
        while os.waitpid(pid, os.WNOHANG)[0] == 0:
            if time.monotonic() > deadline:
                os.kill(pid, signal.SIGKILL)
            time.sleep(0.01)


def watch_children(process, name, every, peaks):
    """Notes what a process's children of this name had at most, in MiB, as long as it runs.

    Of its resident memory the kernel keeps the peak; the anonymous part is as it was at some look.
    """
    while process.returncode is None:
        for child in children(process.pid):
            text = read(f"/proc/{child}/status")
            if not text.startswith(f"Name:\t{name[:15]}\n"):
                continue
            for key, field in (("peak", "VmHWM"), ("anonymous", "RssAnon")):
                found = re.search(rf"{field}:\s+(\d+)", text)
                if found:
                    peaks[key] = max(peaks[key], int(found[1]) / 1024)
        time.sleep(every)


def run(command, environment, watch=None, every=0.001):
    """Runs a command to its end; CPU and wall seconds, its children's included, and its output.

    Also the peaks of the children that are named `watch`, looked at in such intervals.
    """
    peaks = {"peak": 0, "anonymous": 0}
    started = time.monotonic()
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=log)
        if watch:
            threading.Thread(target=watch_children, args=(process, watch, every, peaks),
                             daemon=True).start()
        output = process.stdout.read()
        process.stdout.close()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            log.seek(0)
            told = (output + log.read()).decode(errors="replace")[-2000:]
            sys.exit(f"bench: {command[0]} failed ({process.returncode}): {told}")
    return {"cpu": usage.ru_utime + usage.ru_stime, "wall": time.monotonic() - started,
            "output": output.decode(), **peaks}


def wait_for(what, probe, seconds=60, every=0.001):
    """The first true value of a probe; a bench that waits in vain has nothing to tell."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            value = probe()
            if value:
                return value
        except OSError:
            pass
        time.sleep(every)
    sys.exit(f"bench: {what}: did not happen within {seconds} s")
