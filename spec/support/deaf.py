"""Runs a program with all signals blocked and ignored, as a careless parent may.

Usage: deaf.py PROGRAM [ARGUMENT ...]
By bare system calls: the C library does not let its own two signals, 32 and
33, be touched, but GNU make, for one, starts programs with them ignored.
"""

import ctypes
import os
import platform
import sys

# rt_sigaction and rt_sigprocmask of the machine.
CALLS = {"x86_64": (13, 14), "aarch64": (134, 135)}
SIG_BLOCK, SIG_IGN, SET_SIZE = 0, 1, 8

libc = ctypes.CDLL(None, use_errno=True)
action, mask = CALLS[platform.machine()]
ignore = (ctypes.c_ulong * 16)(SIG_IGN)
everything = ctypes.c_ulong(2**64 - 1)
for number in range(1, 65):
    libc.syscall(action, number, ignore, None, SET_SIZE)
libc.syscall(mask, SIG_BLOCK, ctypes.byref(everything), None, SET_SIZE)
os.execvp(sys.argv[1], sys.argv[1:])
