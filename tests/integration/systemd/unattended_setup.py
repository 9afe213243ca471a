"""A first start from a file of answers, and what a second one leaves as it is."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

from tests.integration.systemd.environment import CONFIG, SECRET, Rig, until
from tests.integration.systemd.finding import Finding, same
from tests.integration.systemd.interactive_setup import (
    CLIP,
    FILM,
    PROGRAM,
    answers,
    ended,
    open_film,
    state,
    written,
)
from tests.integration.systemd.life import LISTEN, events, listening
from tests.integration.systemd.machine import HERE, NAME, booted

CREDENTIAL = "/etc/credstore/edge-fer.mqtt-password"
BROKER = f"mqtts://{NAME}@localhost"
METRICS = "/var/lib/prometheus/node-exporter"
ANSWERS = "/root/answers.toml"
TEXT = f"""\
[privacy]
acknowledge_use = "research"
[camera]
source = "{FILM}"
name = "door"
fps = 10
pace = "real"
[vision]
min_face_px = 40
[mqtt]
brokers = ["{BROKER}"]
ca_file = "/etc/edge-fer/ca.pem"
"""
SETUP = (PROGRAM, "setup", "--from", ANSWERS)


def unasked(root: Path) -> Iterator[Finding]:
    """All of it."""
    with booted(root) as machine:
        rig = Rig(machine, CLIP)
        open_film(machine)
        # The rig's own, which setup is to write.
        machine.path(CREDENTIAL).unlink()
        machine.write(CONFIG, (HERE / "deploy/edge-fer.toml").read_text())
        machine.write(ANSWERS, TEXT)
        machine.write("/root/password", f"{SECRET}\n", 0o600)
        yield from _first(rig)
        yield from _again(rig)
        yield from _forced(rig)
        yield from _textfile(rig)


def _first(rig: Rig) -> Iterator[Finding]:
    machine = rig.machine
    before = state(machine)
    done = machine.run(*SETUP, "--password-file", "/root/password")
    yield ended("from a file, with --password-file", done.returncode, done.stdout + done.stderr)
    yield same(
        "the file of answers is the configuration",
        f"research {FILM} {BROKER} off",
        answers(written(machine)),
    )
    yield same(
        "the service, before and after the file",
        "disabled, inactive; enabled, active",
        f"{before}; {state(machine)}",
    )
    about = machine.path(CREDENTIAL).stat()
    texts = (machine.path(CONFIG).read_text(), done.stdout, done.stderr)
    yield same(
        "the password: in systemd's store, for root alone, and in neither file nor output",
        "mode 0600, uid 0, seen 0 times",
        f"mode {stat.S_IMODE(about.st_mode):04o}, uid {about.st_uid}, "
        f"seen {sum(text.count(SECRET) for text in texts)} times",
    )
    yield _event(rig, "an event reaches mosquitto: TLS, that password, the shipped ACL", "door")


def _event(rig: Rig, shown: str, camera: str) -> Finding:
    with listening(rig.machine, LISTEN) as heard:
        until(lambda: [e for e in events(heard) if e["payload"]["camera"] == camera], "an event")
        event = events(heard)[-1]
    return same(
        shown,
        f"edge-fer/{NAME}/event, camera {camera}",
        f"{event['topic']}, camera {event['payload']['camera']}",
    )


def _again(rig: Rig) -> Iterator[Finding]:
    """The same file, another one, and one whose camera does not work."""
    machine = rig.machine
    before = machine.path(CONFIG).read_text()
    done = machine.run(*SETUP)
    yield ended("the same file again, without the password", done.returncode, done.stdout)
    unchanged = machine.path(CONFIG).read_text() == before
    kept = machine.path(CREDENTIAL).read_text().strip() == SECRET
    until(lambda: _last_word(rig), "a word of the broker")
    said = _last_word(rig)
    yield same(
        "it keeps configuration and password, and connects with that one",
        "True, True; connected",
        f"{unchanged}, {kept}; {'connected' if 'connected' in said else said}",
    )
    for shown, old, new, status, word in (
        ("another file of answers", '"door"', '"gate"', 78, "--force replaces it"),
        ("a file whose camera is not there", FILM, "file:/none.mp4", 74, "nothing was written"),
    ):
        machine.write(ANSWERS, TEXT.replace(old, new))
        pid = rig.pid
        done = machine.run(*SETUP)
        text = machine.path(CONFIG).read_text()
        yield same(
            f"{shown}: one line, and neither configuration nor service is touched",
            f"exit status {status}, '…{word}…', 1 line; the same; the same process",
            f"exit status {done.returncode}, '…{word if word in done.stderr else done.stderr}…', "
            f"{len(done.stderr.splitlines())} line; {'the same' if text == before else 'changed'}; "
            f"{'the same' if rig.pid == pid else 'another'} process",
        )


def _last_word(rig: Rig) -> str:
    """What this process last said of the broker."""
    lines = [str(entry["MESSAGE"]) for entry in rig.journal(f"_PID={rig.pid}")]
    return next((line for line in reversed(lines) if "connect" in line or "refuse" in line), "")


def _forced(rig: Rig) -> Iterator[Finding]:
    machine = rig.machine
    before = machine.path(CONFIG).read_text()
    machine.write(ANSWERS, TEXT.replace('"door"', '"gate"'))
    done = machine.run(*SETUP, "--force")
    yield ended("another file, with --force", done.returncode, done.stdout)
    kept = machine.path(f"{CONFIG}.old").read_text() == before
    yield same("a copy of what was replaced", "kept", "kept" if kept else "not kept")
    yield _event(rig, "the running service is the new one's", "gate")


def _textfile(rig: Rig) -> Iterator[Finding]:
    """The numbers for node_exporter, from behind the fence, as docs/guides/metrics.md has it."""
    machine = rig.machine
    machine.tell("/usr/sbin/groupadd", "--system", "edge-fer-metrics")
    machine.tell("install", "-d", "-g", "edge-fer-metrics", "-m", "775", METRICS)
    rig.drop_in(f"ReadWritePaths={METRICS}", "SupplementaryGroups=edge-fer-metrics")
    machine.write(ANSWERS, f'{TEXT}[stats]\ninterval_s = 1\ntextfile = "{METRICS}/edge-fer.prom"\n')
    done = machine.run(*SETUP, "--force")
    yield ended("stats.textfile in the file of answers", done.returncode, done.stdout)
    file = f"{METRICS}/edge-fer.prom"
    until(machine.path(file).exists, "the file")
    mode = stat.S_IMODE(machine.path(file).stat().st_mode)
    nobody = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
    found = machine.run(*nobody, "grep", "--only-matching", "^edge_fer_frames{[^}]*}", file)
    yield same(
        "the unit writes it where its group may, and any user reads it",
        f'mode 0644; edge_fer_frames{{device="{NAME}"}}',
        f"mode {mode:04o}; {(found.stdout + found.stderr).strip()}",
    )
