"""Runs a program that must not outlive whoever started it: `python -I leash.py PARENT PROGRAM …`.

Belongs here: nothing else. It stands alone and imports little, because it runs before every child.
On Linux the kernel sends SIGTERM when the parent dies, even by SIGKILL; elsewhere a parent that is
killed leaves its children to be ended by hand.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    parent, command = int(sys.argv[1]), sys.argv[2:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            # It died before we asked the kernel to watch.
            sys.exit(0)
    os.execv(command[0], command)


if __name__ == "__main__":
    main()
