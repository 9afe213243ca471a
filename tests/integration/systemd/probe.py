"""Tries, from inside the unit's fence, what should and what should not be possible.

systemd starts it as ExecStartPost= of the unit, so with the unit's user, namespaces and seccomp
filter, though not with its credentials, which are for ExecStart= alone. It runs under the
container's own Python and leaves its answers as JSON in $STATE_DIRECTORY/probe.json.
"""

from __future__ import annotations

import ctypes
import errno
import json
import mmap
import os
import socket
import stat
from collections.abc import Callable
from pathlib import Path

CLONE_NEWUSER = 0x10000000
ALLOWED = "allowed"


def attempt(action: Callable[[], object]) -> str:
    """The name of the error it got, or `ALLOWED`."""
    try:
        action()
    except OSError as error:
        return errno.errorcode.get(error.errno or 0, str(error))
    return ALLOWED


def mode(path: str) -> str:
    """Its permissions and whether it is ours."""
    about = Path(path).stat()
    owner = "own" if about.st_uid == os.getuid() else f"uid {about.st_uid}"
    return f"{stat.S_IMODE(about.st_mode):04o} {owner}"


def unshare() -> None:
    """A namespace of our own."""
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWUSER):
        raise OSError(ctypes.get_errno(), "unshare")


def executable_memory() -> None:
    """Memory that can be written and executed."""
    mmap.mmap(-1, 4096, prot=mmap.PROT_WRITE | mmap.PROT_EXEC).close()


def others() -> int:
    """Processes of other users that /proc shows."""
    pids = (path for path in Path("/proc").iterdir() if path.name.isdigit())
    return sum(path.stat().st_uid != os.getuid() for path in pids)


def main() -> None:
    """Try everything."""
    state = os.environ["STATE_DIRECTORY"]
    answers = {
        "uid": os.getuid(),
        "its source": attempt(Path("/etc/credstore/edge-fer.mqtt-password").read_text),
        "state": mode(state),
        "cache": mode(os.environ["CACHE_DIRECTORY"]),
        "write /etc": attempt(Path("/etc/probe").touch),
        "write /var/lib": attempt(Path("/var/lib/probe").touch),
        "list /home": attempt(lambda: list(Path("/home").iterdir())),
        "unshare": attempt(unshare),
        "executable memory": attempt(executable_memory),
        "packet socket": attempt(lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW).close()),
        "affinity": attempt(lambda: os.sched_setaffinity(0, {0})),
        "device": attempt(lambda: os.close(os.open("/dev/proof", os.O_WRONLY))),
        "others' processes": others(),
    }
    Path(state, "probe.json").write_text(json.dumps(answers))


if __name__ == "__main__":
    main()
