"""What an ordinary user sees of a process of its own, alive and when it crashes.

Usage: peek.py FOLDER PROGRAM [ARGUMENT ...]
Runs the program in a folder of its own, with core files as large as they come, and reads it from
outside, all as one user that is not root. Prints {read: {name: what became of it}, dumped, cores}
as JSON. The program is there once its folder holds a file `ready`, or after five seconds.
"""
import json
import os
import pathlib
import resource
import signal
import subprocess
import sys
import time

NOBODY = 65534


def become_ordinary():
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    try:
        resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    except ValueError:
        pass  # whoever started us has none, and to have some again takes a capability
    if os.getuid() == 0:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)


def read_all(pid):
    seen = {}
    for name in ("environ", "mem", "maps", "auxv", "fd", "cwd"):
        path = f"/proc/{pid}/{name}"
        try:
            if name == "fd":
                os.listdir(path)
            elif name == "cwd":
                os.readlink(path)
            else:
                with open(path, "rb") as file:
                    if name != "mem":
                        file.read(1)
            seen[name] = "read"
        except OSError as error:
            seen[name] = error.strerror
    return seen


def peek(pid):
    """In a process that is that user, but no program: it may be allowed to start none of ours."""
    there, here = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            become_ordinary()
            os.write(here, json.dumps(read_all(pid)).encode())
        finally:
            os._exit(0)
    os.close(here)
    with open(there, "rb") as file:
        text = file.read()
    os.waitpid(child, 0)
    return json.loads(text)


def main():
    folder, command = pathlib.Path(sys.argv[1]), sys.argv[2:]
    if os.getuid() == 0:
        os.chown(folder, NOBODY, NOBODY)
    process = subprocess.Popen(command, cwd=folder, preexec_fn=become_ordinary,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for _ in range(100):
        if (folder / "ready").exists() or process.poll() is not None:
            break
        time.sleep(0.05)
    try:
        seen = peek(process.pid)
    finally:
        os.kill(process.pid, signal.SIGSEGV)
        _, status = os.waitpid(process.pid, 0)
    cores = [one.name for one in folder.iterdir() if one.name.startswith("core")]
    print(json.dumps({"read": seen, "dumped": os.WCOREDUMP(status), "cores": cores,
                      "signal": os.WIFSIGNALED(status) and os.WTERMSIG(status)}))


if __name__ == "__main__":
    main()
