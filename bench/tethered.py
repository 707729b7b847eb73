"""`python -m bench.tethered MODULE …`: runs a module that must not outlive whoever started it.

Whoever starts it holds the other end of its standard input; when that end closes, however the
other process ended, this one is told to end as well.
"""

import os
import runpy
import signal
import sys
import threading

STDIN = 0


def _end_with_starter() -> None:
    # Not through sys.stdin: its lock, held by a thread, is fatal to an interpreter that ends.
    while os.read(STDIN, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def main() -> None:
    module, sys.argv = sys.argv[1], sys.argv[1:]
    threading.Thread(target=_end_with_starter, daemon=True).start()
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
