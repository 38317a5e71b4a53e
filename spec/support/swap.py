"""Lets files take each other's places, again and again, until its standard input ends.

Usage: swap.py A B [C D ...]. Prints a line once it has begun.
"""
import ctypes
import os
import select
import sys

AT_FDCWD, RENAME_EXCHANGE = -100, 2  # <fcntl.h>, renameat2(2)
libc = ctypes.CDLL(None, use_errno=True)


def main():
    names = [os.fsencode(name) for name in sys.argv[1:]]
    begun = False
    while not begun or not select.select([sys.stdin], [], [], 0)[0]:
        for _ in range(100):
            for a, b in zip(names[::2], names[1::2]):
                if libc.renameat2(AT_FDCWD, a, AT_FDCWD, b, RENAME_EXCHANGE) != 0:
                    raise OSError(ctypes.get_errno(), os.fsdecode(a))
        if not begun:
            print("begun", flush=True)
            begun = True


if __name__ == "__main__":
    main()
