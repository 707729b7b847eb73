"""A program for tests: uses the servers of one home until its standard input ends.

Prints one line of JSON, either the URLs or the error's class and message.
"""

import json
import os
import sys
from dataclasses import asdict
from pathlib import Path

from rebalancer.errors import RebalancerError
from resources.embedded import running_servers


def main() -> int:
    try:
        with running_servers(Path(sys.argv[1])) as urls:
            print_line({**asdict(urls), "user_id": os.geteuid()})
            sys.stdin.read()
    except RebalancerError as problem:
        print_line({"error": type(problem).__name__, "message": str(problem)})
        return 1
    return 0


def print_line(answer: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    raise SystemExit(main())
