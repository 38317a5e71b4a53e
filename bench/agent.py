"""nightjar itself: single passes, and an agent that runs, watched from outside."""

import datetime
import os
import queue
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request

import proc


# An agent trusts in a folder that has been at rest for 2.5 seconds (lua/nightjar/agent/settled.lua)
# and makes a whole pass before that.
SETTLED = 3


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def environment_of(told, folder, envoy=False):
    """What a process of ours, or a peer's, is given; every path is the bench's own."""
    given = {
        "PATH": os.environ["PATH"], "HOME": folder, "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ENDPOINT_URL": told["endpoint"], "AWS_REGION": "eu-central-1",
        "AWS_DEFAULT_REGION": "eu-central-1", "AWS_ACCESS_KEY_ID": "bench",
        "AWS_SECRET_ACCESS_KEY": "bench", "SERVICE_MEMBER": told["member"],
        "SERVICE_PORT": str(free_port()), "TMP_DIR": os.path.join(folder, "tmp"),
        "ENVOY_ADMIN_PORT": str(free_port()), "ENVOY_BASE_ID": str(free_port()),
        "ENVOY_PID_FILE": os.path.join(folder, "envoy.pid"),
        "TRIGGER_STOP_FILE": os.path.join(folder, "stop.txt"),
        "STOP_TIMEOUT": "1", "LOG_LEVEL": "debug",
    }
    if not envoy:
        given["ENVOY_BIN"] = ""
    if told.get("ca"):
        given["AWS_CA_BUNDLE"] = told["ca"]
    return given


def forget(environment):
    shutil.rmtree(environment["TMP_DIR"], ignore_errors=True)


def generation(environment):
    """The files that Envoy reads, by path."""
    top = os.path.join(environment["TMP_DIR"], "active-envoy-config")
    return sorted(os.path.join(folder, name)
                  for folder, _, names in os.walk(top) for name in names)


def field(text, name):
    return re.search(rf" {name}=(\S+)", text)[1]


class Line:
    """One line of the agent's log, with its counters at the moment it came."""

    def __init__(self, text, pid, envoy):
        self.at = time.monotonic()
        self.event = field(text, "event")
        self.text = text
        self.cpu = proc.cpu(pid)
        self.written = proc.written(pid)
        self.envoy = proc.cpu(envoy, False) if envoy else 0

    def seconds(self):
        return float(field(self.text, "seconds"))

    def date(self):
        """When it was said, in seconds since 1970: by the agent, not when it was read here."""
        return datetime.datetime.fromisoformat(
            field(" " + self.text, "time").replace("Z", "+00:00")).timestamp()


class Agent:
    """A `nightjar run`, stopped at the end of a `with`."""

    def __init__(self, nightjar, environment, **more):
        self.environment = dict(environment, **more)
        self.lines, self.recent, self.envoy = queue.Queue(), [], None
        self.started = time.monotonic()
        self.process = subprocess.Popen([nightjar, "run"], env=self.environment, text=True,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.resume()
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
        self.reader.join(5)

    def read(self):
        for text in self.process.stdout:
            self.recent = self.recent[-9:] + [text[:300]]
            if re.search(r" event=(unchanged|published|pass_failed|refused) ", text):
                try:
                    self.lines.put(Line(text, self.process.pid, self.envoy))
                except (OSError, IndexError):
                    return  # it has ended

    def next(self, event=None, seconds=60):
        """The next line about a pass, or the next one of an event."""
        while True:
            try:
                line = self.lines.get(timeout=seconds)
            except queue.Empty:
                sys.exit(f"bench: no pass within {seconds} s: {''.join(self.recent)}")
            if line.event in ("pass_failed", "refused"):
                sys.exit(f"bench: a pass failed: {line.text}")
            if event in (None, line.event):
                return line

    def pause(self):
        """Stops it where it stands: between two passes, as the last line is of one that ended."""
        self.process.send_signal(signal.SIGSTOP)

    def resume(self):
        self.process.send_signal(signal.SIGCONT)

    def settle(self):
        """Waits for the usual state: files that have not just been written, and a pass since."""
        started = time.monotonic()
        while self.next().at < started + SETTLED:
            pass
        self.next("unchanged")

    def wait_for_generation(self):
        """Seconds from the start until the bootstrap, which comes last, is on disk."""
        path = os.path.join(self.environment["TMP_DIR"], "active-envoy-config", "envoy-config.yaml")
        proc.wait_for("the first generation", lambda: os.path.exists(path))
        return time.monotonic() - self.started

    def watch_envoy(self):
        """Waits until Envoy serves; seconds since the start, and its process is known from then."""
        port = self.environment["SERVICE_PORT"]
        proc.wait_for("traffic", lambda: urllib.request.urlopen(
            f"http://127.0.0.1:{port}/ping", timeout=1).status == 200)
        seconds = time.monotonic() - self.started
        for child in proc.children(self.process.pid):
            if proc.read(f"/proc/{child}/comm").startswith("envoy"):
                self.envoy = int(child)
        return seconds

    def admin_requests(self):
        """How many requests Envoy's admin interface has had, this one not counted."""
        port = self.environment["ENVOY_ADMIN_PORT"]
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/stats?filter=http.admin."
                                    "downstream_rq_total", timeout=5) as answer:
            return int(answer.read().split()[-1]) - 1


def unchanged(agent, endpoint, passes):
    """Figures of each of so many passes in which nothing changes."""
    first = agent.next("unchanged")
    endpoint.reset()
    walls, last = [], first
    for _ in range(passes):
        last = agent.next("unchanged")
        walls.append(last.seconds())
    counts = endpoint.counts()
    resident, anonymous = proc.memory(agent.process.pid)
    return {
        "cpu": (last.cpu - first.cpu) / passes, "walls": walls,
        "calls": counts["calls"] / passes, "operations": counts["operations"],
        "read": counts["bytes_out"] / passes, "sent": counts["bytes_in"] / passes,
        # The first generation was written: where that counted for nothing, nothing does.
        "written": (last.written - first.written) / passes if first.written else None,
        "resident": resident, "anonymous": anonymous,
    }


def changed(agent, endpoint):
    """One pass that finds one instance moved, beside one that finds nothing."""
    before = agent.next("unchanged")
    rest = agent.next("unchanged")
    endpoint.change()
    line = agent.next()
    while line.event == "unchanged":  # it had asked before the change came
        before, rest, line = rest, line, agent.next()
    return {
        "cpu": line.cpu - rest.cpu, "wall": line.seconds(),
        "answered": line.date() - endpoint.told_at(),
        "written": line.written - rest.written if line.written else None,
        "envoy": max(0, line.envoy - rest.envoy - (rest.envoy - before.envoy)),
    }


def idle_wakeups(nightjar, environment, seconds):
    """Wake-ups a second of an agent that has nothing to do."""
    with Agent(nightjar, environment, REFRESH_TIME="3600") as agent:
        agent.next()
        time.sleep(1.5)
        before, started = proc.wakeups(agent.process.pid), time.monotonic()
        time.sleep(seconds)
        return (proc.wakeups(agent.process.pid) - before) / (time.monotonic() - started)
