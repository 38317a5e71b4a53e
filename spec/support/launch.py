"""Starts a program for the system specs and says how it ended.

Usage: launch.py BASE PROGRAM [ARGUMENT ...]
Writes the process id to BASE.pid, what it prints to BASE.out and BASE.log,
and its exit status to BASE.status when it has ended. A shell cannot do that
here: the specs' host blocks signals to read them from a descriptor, the shell
inherits that, and its `wait` would never return.
"""

import os
import signal
import subprocess
import sys

base, command = sys.argv[1], sys.argv[2:]
# A pipe of the specs' that stayed open here would never end for its reader.
os.closerange(3, 1024)
signal.pthread_sigmask(signal.SIG_SETMASK, [])
with open(base + ".out", "wb") as out, open(base + ".log", "ab") as log:
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out,
                             stderr=log, close_fds=True)


def leave(name, text):
    with open(f"{base}.{name}.new", "w") as file:
        file.write(text)
    os.rename(f"{base}.{name}.new", f"{base}.{name}")


leave("pid", str(child.pid))
leave("status", str(child.wait()))
