"""Runs a program on a host without IPv6: socket(2) refuses that family, as where the kernel was
started with ipv6.disable=1.

Usage: without_ipv6.py PROGRAM ARGUMENT...
"""
import ctypes
import os
import platform
import socket
import struct
import sys

SOCKET = {"x86_64": 41, "aarch64": 198}[platform.machine()]
EAFNOSUPPORT = 97
LOAD, EQUAL, RETURN = 0x20, 0x15, 0x06  # linux/bpf_common.h
ALLOW, FAIL = 0x7FFF0000, 0x00050000  # linux/seccomp.h
PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2
NUMBER, FIRST_ARGUMENT = 0, 16  # offsets in struct seccomp_data

PROGRAM = b"".join(struct.pack("HBBI", *line) for line in [
    (LOAD, 0, 0, NUMBER),
    (EQUAL, 0, 3, SOCKET),
    (LOAD, 0, 0, FIRST_ARGUMENT),
    (EQUAL, 0, 1, socket.AF_INET6),
    (RETURN, 0, 0, FAIL | EAFNOSUPPORT),
    (RETURN, 0, 0, ALLOW),
])


class Filter(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("lines", ctypes.c_char_p)]


libc = ctypes.CDLL(None, use_errno=True)
wanted = Filter(len(PROGRAM) // 8, PROGRAM)
if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 or libc.prctl(
        PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(wanted)) != 0:
    sys.exit(f"no filter of system calls: {os.strerror(ctypes.get_errno())}")
os.execvp(sys.argv[1], sys.argv[1:])
