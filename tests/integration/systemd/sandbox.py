"""What the unit's process can do, see and read, and what it cannot."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from pathlib import Path

from tests.integration.systemd.environment import SECRET, UNIT, Rig, until
from tests.integration.systemd.finding import Finding, same

PROBE = "/opt/probe.py"
PROBE_RESULT = "/var/lib/private/edge-fer/probe.json"
LIBRARY = "/usr/lib/python3/dist-packages"
"""Where Debian's python3-systemd is."""
DYNAMIC = range(61184, 65520)
"""User ids of DynamicUser (systemd.io, "Users, Groups, UIDs and GIDs on systemd Systems")."""
OURS = {
    "MESSAGE",
    "PRIORITY",
    "LOGGER",
    "CODE_FILE",
    "CODE_LINE",
    "CODE_FUNC",
    "SYSLOG_IDENTIFIER",
    "EDGE_FER_CAMERA",
    "EDGE_FER_DEVICE",
}

REFUSED = (
    ("write /etc", "EROFS", "ProtectSystem=strict: a file in /etc"),
    ("write /var/lib", "EROFS", "ProtectSystem=strict: a file in /var/lib"),
    ("list /home", "EACCES", "ProtectHome: /home"),
    ("unshare", "EPERM", "RestrictNamespaces: a user namespace"),
    ("executable memory", "EPERM", "MemoryDenyWriteExecute: memory to write and execute"),
    ("packet socket", "EAFNOSUPPORT", "RestrictAddressFamilies: a packet socket"),
    ("affinity", "EPERM", "SystemCallErrorNumber: thread affinity, refused and not killed for"),
)
"""Key of the probe's answer, the error expected, the promise."""


def fence(rig: Rig) -> Iterator[Finding]:
    """All of it; the unit is running at the end."""
    rig.machine.write(PROBE, Path(__file__).with_name("probe.py").read_text())
    # The kernel's log, of which anybody may write lines where the node lets him.
    rig.machine.tell("mknod", "--mode=666", "/dev/proof", "c", "1", "11")
    devices = rig.machine.enforce_devices()
    rig.drop_in(f"ExecStartPost=/usr/bin/python3 {PROBE}")
    rig.fresh()
    answers = json.loads(rig.machine.path(PROBE_RESULT).read_text())
    yield from _user(rig, answers)
    yield from _process(rig)
    yield from _credential(rig, answers)
    for key, expected, shown in REFUSED:
        yield same(shown, expected, answers[key])
    yield same(
        "ProtectProc=invisible: processes of others in /proc",
        "0",
        str(answers["others' processes"]),
    )
    yield _devices(rig, answers, devices)
    rig.drop_in()
    yield from _journal(rig)
    yield _exposure(rig)
    yield from _untried(rig)


def _user(rig: Rig, answers: dict[str, str | int]) -> Iterator[Finding]:
    status = _table(rig, "status")
    uid = int(status["Uid"].split()[0])
    yield Finding(
        "DynamicUser: the user id", f"{DYNAMIC[0]} to {DYNAMIC[-1]}", str(uid), uid in DYNAMIC
    )
    for name in ("state", "cache"):
        yield same(f"{name.capitalize()}Directory: mode", "0700 own", str(answers[name]))


def _process(rig: Rig) -> Iterator[Finding]:
    status = _table(rig, "status")
    for name, field, expected in (
        ("SystemCallFilter", "Seccomp", "2"),
        ("NoNewPrivileges", "NoNewPrivs", "1"),
        ("CapabilityBoundingSet", "CapBnd", "0" * 16),
        ("no capability", "CapEff", "0" * 16),
    ):
        yield same(f"{name}: {field} in /proc/PID/status", expected, status[field])
    limits = rig.machine.path(f"/proc/{rig.pid}/limits").read_text().splitlines()
    core = next(line for line in limits if line.startswith("Max core file size")).split()[4:6]
    yield same("LimitCORE: soft and hard in /proc/PID/limits", "0 0", " ".join(core))


def _credential(rig: Rig, answers: dict[str, str]) -> Iterator[Finding]:
    yield same(
        "LoadCredential: its file in /etc/credstore is closed to the service",
        "EACCES",
        answers["its source"],
    )
    # In the main process's own mount namespace; that it could read it shows in the connection.
    until(lambda: rig.said("connected"), "connected")
    held = rig.machine.path(f"/proc/{rig.pid}/root/run/credentials/{UNIT}/mqtt-password").stat()
    uid = int(_table(rig, "status")["Uid"].split()[0])
    yield Finding(
        "LoadCredential: in $CREDENTIALS_DIRECTORY, and used for the broker",
        "the service's own, mode 0400 or 0440; connected",
        f"{'its own' if held.st_uid == uid else f'of uid {held.st_uid}'}, "
        f"mode {stat.S_IMODE(held.st_mode):04o}; connected",
        stat.S_IMODE(held.st_mode) in (0o400, 0o440),
    )
    everyone = rig.machine.run(
        "setpriv",
        "--reuid=65534",
        "--regid=65534",
        "--clear-groups",
        "cat",
        f"/run/credentials/{UNIT}/mqtt-password",
    )
    yield Finding(
        "the credential, for another user",
        "Permission denied",
        everyone.stderr.strip() or "readable",
        "Permission denied" in everyone.stderr,
    )
    folder = rig.machine.path(f"/proc/{rig.pid}")
    places = {
        "cmdline": (folder / "cmdline").read_bytes(),
        "environ": (folder / "environ").read_bytes(),
        "the journal, level debug": json.dumps(rig.journal()).encode(),
    }
    found = [name for name, text in places.items() if SECRET.encode() in text]
    yield same(f"the password in {', '.join(places)}", "nowhere", ", ".join(found) or "nowhere")


def _devices(rig: Rig, answers: dict[str, str], enforced: bool) -> Finding:
    shown = "DeviceAllow: a node that is open to all, of a device not in the list"
    if not enforced:
        return Finding(shown, "EPERM", "no cgroup of devices here", None)
    free = rig.machine.run(
        "systemd-run",
        "--wait",
        "--pipe",
        "--quiet",
        "--property=DynamicUser=yes",
        "/usr/bin/python3",
        "-c",
        "import os; os.open('/dev/proof', os.O_WRONLY)",
    )
    without = "allowed" if free.returncode == 0 else free.stderr.strip().splitlines()[-1]
    return same(
        shown,
        "EPERM; allowed to a unit without it",
        f"{answers['device']}; {without} to a unit without it",
    )


def _journal(rig: Rig) -> Iterator[Finding]:
    yield _entries(rig, "")
    rig.drop_in(f"Environment=PYTHONPATH={LIBRARY}")
    rig.fresh()
    yield _entries(rig, ", with systemd-python")
    rig.drop_in()


def _entries(rig: Rig, how: str) -> Finding:
    entries = rig.journal("EDGE_FER_CAMERA=door", f"_PID={rig.pid}")
    names = OURS.intersection(*entries) if entries else set()
    device = entries[0].get("EDGE_FER_DEVICE") if entries else None
    missing = f", without {', '.join(sorted(OURS - names))}" if OURS - names else ""
    return Finding(
        f"journalctl EDGE_FER_CAMERA=door{how}",
        f"entries with {', '.join(sorted(OURS))}",
        f"{len(entries)} entries, EDGE_FER_DEVICE={device}{missing}",
        names == OURS,
    )


def _exposure(rig: Rig) -> Finding:
    text = rig.machine.run("systemd-analyze", "security", "--no-pager", UNIT).stdout
    last = text.strip().splitlines()[-1]
    exposure = float(last.split(":")[1].split()[0])
    return Finding(
        "systemd-analyze security of the loaded unit",
        "exposure at most 1.5",
        f"exposure {exposure}",
        exposure <= 1.5,
    )


def _untried(rig: Rig) -> Iterator[Finding]:
    peak = int(_table(rig, "status")["VmHWM"].split()[0]) / 1024
    most = int(rig.show("MemoryMax")) / 2**20
    for name, seen in (
        ("MemoryMax", f"set to {most:.0f} MB, of which {peak:.0f} MB were used at most"),
        ("MemorySwapMax", f"set to {rig.show('MemorySwapMax')}"),
        ("IPAddressDeny, IPAddressAllow", "set"),
    ):
        yield Finding(
            name, "the kernel holds to it", f"{seen}; the container has no such cgroup", None
        )


def _table(rig: Rig, name: str) -> dict[str, str]:
    """A file of the main process in /proc with a name, a colon and a value in each line."""
    text = rig.machine.path(f"/proc/{rig.pid}/{name}").read_text()
    return {line.partition(":")[0]: line.partition(":")[2].strip() for line in text.splitlines()}
