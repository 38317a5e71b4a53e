"""Runs a program that takes its input from a pipe and gives its output to one, both at once: so
whoever started it reads and writes as often in each run, however the two meet.

Usage: at_once.py PROGRAM [ARGUMENT…]
"""

import fcntl
import os
import subprocess
import sys

ROOM = 1 << 20  # bytes, as much as anyone may ask for (pipe(7))

for pipe in (0, 1):
    fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, ROOM)
given = sys.stdin.buffer.read()
done = subprocess.run(sys.argv[1:], input=given, stdout=subprocess.PIPE)
os.write(1, done.stdout)
os._exit(done.returncode if done.returncode >= 0 else 128 - done.returncode)
