#!/usr/bin/env python3
"""The demo behind `make run`: the agent and a real Envoy on an example mesh, with traffic.

    demo.py --build build [--seconds 20]

It copies examples/mesh.yaml to BUILD/demo/mesh.yaml, starts backends (a second Envoy) and
`BUILD/nightjar run`, sends requests through the listener, and shows the measured split beside the
wanted one. Edit the copy while it runs. Ends on Ctrl-C, or after --seconds.

Exit status: 0; 1 if something did not start, a request failed or no split came near the wanted
one; 2 for wrong use.
"""

import sys

sys.dont_write_bytecode = True  # leave nothing behind, not even beside the source

import argparse
import ctypes
import errno
import fcntl
import http.client
import json
import os
import pathlib
import shutil
import signal
import subprocess
import time

import display
import setup
import traffic

HERE = pathlib.Path(__file__).resolve().parent
EXAMPLE = HERE.parent / "mesh.yaml"
REFRESH_TIME = 2     # seconds from pass to pass
STOP_TIMEOUT = 3     # seconds the agent has for draining
START_TIMEOUT = 30   # seconds until the listener must answer
PR_SET_PDEATHSIG = 1
# A child ends with us even if we are killed. Looked up here: not between fork and exec.
prctl = ctypes.CDLL(None, use_errno=True).prctl


class Failure(Exception):
    """What keeps the demo from going on; its text is for the user."""


class Ended(Exception):
    """Somebody asked for the end."""


class Demo:
    """Everything that is started here, and its end in reverse order."""

    def __init__(self, build):
        self.build = build
        self.folder = build / "demo"
        self.mesh = self.folder / "mesh.yaml"
        self.children = []   # (name, process, logs)
        self.removals = []   # files and folders
        self.taken = set()

    def prepare(self):
        self.folder.mkdir(parents=True, exist_ok=True)
        self.lock = open(self.folder / "lock", "w", encoding="utf-8")
        try:
            fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise Failure(f"another demo runs in {self.folder}") from error
        self.removals.append(self.folder / "lock")
        self.envoy = os.environ.get("ENVOY_BIN") or shutil.which("envoy")
        if not self.envoy:
            raise Failure("envoy: not found on PATH, and ENVOY_BIN is not set")
        self.temporary = self.folder / "tmp"
        shutil.rmtree(self.temporary, ignore_errors=True)  # of a demo that was killed
        self.temporary.mkdir()
        self.removals.append(self.temporary)
        self.port = setup.free_port(setup.MESH_PORT, self.taken)
        self.admin_port = setup.free_port(setup.ADMIN_PORT, self.taken)
        for old, new in setup.copy_mesh(EXAMPLE, self.mesh, self.taken):
            print(f"port {old} is taken: the copy of the mesh says {new}")

    def environment(self):
        """Ours alone: variables of a real deployment must not reach the demo."""
        base_id, shared = setup.base_id(self.folder)
        self.removals.append(pathlib.Path(shared))
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "LC_ALL", "TERM")
                if name in os.environ}
        return kept | {
            "DISCOVERY": "file", "MESH_FILE": str(self.mesh), "TMP_DIR": str(self.temporary),
            "SERVICE_PORT": str(self.port), "ENVOY_ADMIN_PORT": str(self.admin_port),
            "ENVOY_BIN": self.envoy, "ENVOY_BASE_ID": str(base_id),
            "ENVOY_PID_FILE": str(self.temporary / "envoy.pid"),
            "TRIGGER_STOP_FILE": str(self.temporary / "stop"),
            "REFRESH_TIME": str(REFRESH_TIME), "STOP_TIMEOUT": str(STOP_TIMEOUT),
        }

    def start(self, name, argv, environment=None):
        """Start a child in a session of its own: Ctrl-C is for us, and we end it in good order."""
        try:
            process = subprocess.Popen(
                argv, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.PIPE, start_new_session=True,
                preexec_fn=lambda: prctl(PR_SET_PDEATHSIG, signal.SIGTERM))
        except OSError as error:
            raise Failure(f"{argv[0]}: {error.strerror}") from error
        logs = [setup.Log(process.stdout, self.folder / f"{name}-access.log"),
                setup.Log(process.stderr, self.folder / f"{name}.log")]
        self.children.append((name, process, logs))
        return process, logs[1]

    def discover(self, environment):
        """What the agent sees in the mesh file."""
        command = [str(self.build / "nightjar"), "discover"]
        try:
            result = subprocess.run(command, env=environment, capture_output=True, text=True,
                                    timeout=START_TIMEOUT, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise Failure(f"{command[0]}: {getattr(error, 'strerror', error)}") from error
        if result.returncode != 0:
            raise Failure(f"nightjar discover: {result.stderr.strip()}")
        return json.loads(result.stdout)

    def start_all(self):
        environment = self.environment()
        bootstrap = self.folder / "backends.json"
        ports = setup.write_backends(self.discover(environment), bootstrap)
        # Without hot restart it leaves no shared memory behind.
        self.start("backends", [self.envoy, "-c", str(bootstrap), "--disable-hot-restart",
                                "--concurrency", "1", "--log-level", "warning"])
        self.await_true("the backends", lambda: not any(setup.is_free(port) for port in ports))
        self.agent, self.log = self.start("nightjar", [str(self.build / "nightjar"), "run"],
                                          environment)
        self.await_true("the listener", self.answers)

    def await_true(self, what, check):
        limit = time.monotonic() + START_TIMEOUT
        while not check():
            self.check_children()
            if time.monotonic() > limit:
                raise Failure(f"{what}: no answer within {START_TIMEOUT} s; see {self.folder}")
            time.sleep(0.1)

    def check_children(self):
        for name, process, logs in self.children:
            if process.poll() is not None:
                for log in logs:
                    log.join()
                lines = "\n  ".join(logs[1].lines or ["(it is empty)"])
                raise Failure(f"{name}: ended with status {process.returncode}; "
                              f"the end of {logs[1].path}:\n  {lines}")

    def answers(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=1)
        try:
            connection.request("GET", "/ping")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def wanted(self):
        """{path: {cluster: weight}} of the listener, from the templates' input; None before."""
        path = self.temporary / "active-envoy-config" / "input.json"
        try:
            view = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return {route["route_path"]: {cluster["cluster_name"]: cluster["route_weight"]
                                      for cluster in route["clusters"]}
                for listener in view["listeners"] if listener["mesh_port"] == self.port
                for route in listener["routes"]}

    def stop(self):
        """The agent first, so that Envoy drains while the backends still answer."""
        for _, process, logs in reversed(self.children):
            if process.poll() is None:
                process.terminate()
            try:
                process.wait(STOP_TIMEOUT + 5)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            for log in logs:
                log.join()
        for path in reversed(self.removals):
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)


def short(path):
    """A path below the current folder, as one would type it; any other in full."""
    try:
        return path.relative_to(pathlib.Path.cwd())
    except ValueError:
        return path


def introduce(demo):
    print(f"""
nightjar {demo.agent.pid} and its Envoy serve http://127.0.0.1:{demo.port}/
  edit  {short(demo.mesh)}   and save: in force within {REFRESH_TIME} s
  look  {short(demo.folder)}/nightjar.log   and http://127.0.0.1:{demo.admin_port}/
  end   Ctrl-C""", flush=True)


def watch(demo, sender, screen, seconds):
    """Send and show until the end. Returns whether a measured split ever came near the wanted."""
    weights, met = {}, False
    sender.start()
    screen.start()
    try:
        while not seconds or screen.seconds() < seconds:
            fresh = demo.wanted() or weights
            for path in fresh:
                if fresh[path] != weights.get(path):
                    sender.forget(path)
            weights = fresh
            sender.paths = list(weights)
            splits = [display.Split(path, weights[path], sender.counts(path)) for path in weights]
            met = met or (bool(splits) and all(split.near() for split in splits))
            message = sender.last_error or demo.log.warning()
            screen.show(sender, splits, message)
            demo.check_children()
            left = seconds - screen.seconds() if seconds else screen.every
            time.sleep(max(0, min(screen.every, left)))
    except Ended:
        pass
    finally:
        sender.stop()
    return met


def run(demo, seconds):
    demo.prepare()
    demo.start_all()
    introduce(demo)
    sender = traffic.Traffic(demo.port)
    screen = display.Display()
    met = watch(demo, sender, screen, seconds)
    print(f"\n{display.summary(sender, screen.seconds()).strip()}", flush=True)
    if sender.errors:
        raise Failure(f"{sender.errors} requests failed, the last: {sender.last_error}")
    if not met:
        raise Failure("the measured split never came near the wanted one")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--build", type=pathlib.Path, default=pathlib.Path("build"),
                        help="folder of the programs (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=0,
                        help="end after this time (default: run until Ctrl-C)")
    return parser.parse_args()


def end(number, _frame):
    signal.signal(number, signal.SIG_IGN)  # once is enough: the end takes a moment
    raise Ended


def main():
    options = arguments()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, end)
    demo = Demo(options.build.resolve())
    try:
        run(demo, options.seconds)
        return 0
    except Ended:
        return 0
    except Failure as failure:
        print(f"demo: {failure}", file=sys.stderr)
        return 1
    except OSError as error:
        if error.errno not in (errno.EPIPE, errno.EIO):  # nobody reads us any more
            print(f"demo: {error}", file=sys.stderr)
        return 1
    finally:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        demo.stop()


if __name__ == "__main__":
    sys.exit(main())
