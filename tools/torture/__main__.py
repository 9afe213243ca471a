"""Runs what tries to break edge-fer's promises, and puts down what came of it.

    python -m tools.torture [NAME ...] [--rounds N] [--jobs N] [--minutes N] [--seed N]

Without a name all are run, one after the other.
"""

import argparse
import importlib
import sys
from collections.abc import Callable

PARTS = {
    "kill-daemon": "tools.torture.kills:prove_daemon",
    "kill-publisher": "tools.torture.kills:prove_publisher",
    "network": "tools.torture.network:prove",
    "disk": "tools.torture.disk:prove",
    "hostile-broker": "tools.torture.hostile:prove",
    "stop": "tools.torture.stop:prove",
}
"""Name of each proof to what makes it: given the options, it says whether the floor was reached."""


def main() -> None:
    """Run the parts that are asked for."""
    parser = argparse.ArgumentParser(prog="torture", description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", choices=[*PARTS, []])
    parser.add_argument("--rounds", type=int, help="how often; each part has its own number")
    parser.add_argument("--jobs", type=int, default=2, help="side by side, where that can be")
    parser.add_argument("--minutes", type=float, default=1e6, help="begin no round after that")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    options.command = f"make torture ARGS='{' '.join(sys.argv[1:])}'"
    good = True
    for name in options.names or PARTS:
        module, _, function = PARTS[name].partition(":")
        prove: Callable[[argparse.Namespace], bool]
        prove = getattr(importlib.import_module(module), function)
        print(f"{name} ...", file=sys.stderr, flush=True)
        good &= prove(options)
    sys.exit(not good)


if __name__ == "__main__":
    main()
