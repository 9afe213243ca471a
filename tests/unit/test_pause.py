"""A camera that somebody has switched off stays off, whatever becomes of the process."""

import signal
import threading
from pathlib import Path
from typing import Any

import pytest
from manager import Rig, carphone, rig  # noqa: F401  fixtures
from talk import DEADLINE_S, command, listening, until

from edge_fer.config.settings import Device, Mqtt, Settings
from edge_fer.daemon.control import Mark, Switch, mark_of
from edge_fer.daemon.service import PAUSED


def marks(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("**/*.paused"))


def pause(rig: Rig, daemon: Any) -> None:  # noqa: F811
    """OFF, and wait until the daemon says that the camera is closed."""
    with listening(rig.broker, "enabled") as inbox:
        command(rig.broker, "OFF")
        while inbox.get(timeout=DEADLINE_S).payload != b"OFF":
            pass
    daemon.until(f"STATUS={PAUSED}")


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGTERM])
def test_a_pause_outlives_the_process_until_somebody_says_on(rig: Rig, ending: int) -> None:  # noqa: F811
    rig.hardware.plug()
    with rig.run() as daemon:
        daemon.until("READY=1")
        pause(rig, daemon)
        daemon.process.send_signal(ending)
        daemon.process.wait(timeout=DEADLINE_S)
    with rig.run() as daemon:
        assert PAUSED in " ".join(daemon.until("READY=1"))
        with listening(rig.broker, "enabled") as inbox:
            assert b"OFF" == inbox.get(timeout=DEADLINE_S).payload
            command(rig.broker, "ON")
            daemon.until("STATUS=watching")
            until(lambda: inbox.get(timeout=DEADLINE_S).payload == b"ON", "enabled")
        until(lambda: not marks(rig.folder), "gone")


def test_nothing_is_kept_where_nothing_may_be_written(rig: Rig) -> None:  # noqa: F811
    rig.hardware.plug()
    with rig.run("--set=mqtt.outbox=memory") as daemon:
        daemon.until("READY=1")
        pause(rig, daemon)
    assert [] == marks(rig.folder)
    with rig.run("--set=mqtt.outbox=memory") as daemon:
        assert PAUSED not in " ".join(daemon.until("READY=1"))


def test_a_pause_that_cannot_be_kept_holds_and_says_so(rig: Rig) -> None:  # noqa: F811
    rig.hardware.plug()
    (rig.folder / "file").touch()
    with rig.run(f"--set=mqtt.outbox={rig.folder / 'file' / 'folder'}") as daemon:
        daemon.until("READY=1")
        command(rig.broker, "OFF")
        heard = daemon.until(f"STATUS={PAUSED}; a restart will not know that the camera is paused")
        assert heard[-1].endswith("/edge-fer-porch.paused: Not a directory")


def test_the_mark_is_there_before_the_main_loop_has_seen_the_command(tmp_path: Path) -> None:
    mark = Mark(tmp_path / "folder" / "a.paused")
    switch = Switch(mark)
    switch.enable(False)
    until(lambda: mark.there, "there")
    assert not Switch(mark).enabled
    switch.enable(True)
    until(lambda: not mark.there, "gone")
    assert Switch(mark).enabled


def test_of_many_commands_in_a_row_the_last_one_counts(tmp_path: Path) -> None:
    mark = Mark(tmp_path / "a.paused")
    switch = Switch(mark)
    for _ in range(50):
        switch.enable(False)
        switch.enable(True)
    switch.enable(False)
    until(lambda: not [it for it in threading.enumerate() if "_write" in it.name], "written")
    assert mark.there


def test_a_pause_goes_along_with_the_devices_name(tmp_path: Path) -> None:
    old, new = (
        mark_of(Settings(mqtt=Mqtt(outbox=str(tmp_path)), device=Device(name=name)))
        for name in ("porch", "hall")
    )
    switch = Switch(old)
    switch.enable(False)
    until(lambda: old.there, "there")
    switch.keep_in(new)
    until(lambda: marks(tmp_path) == ["edge-fer-hall.paused"], "moved")
    switch.enable(True)
    until(lambda: not marks(tmp_path), "gone")
    assert "" == switch.failure


def test_a_name_that_was_paused_once_does_not_close_a_camera_that_is_on(tmp_path: Path) -> None:
    stale = Mark(tmp_path / "hall.paused")
    (tmp_path / "hall.paused").touch()
    switch = Switch(Mark(tmp_path / "porch.paused"))
    switch.keep_in(stale)
    until(lambda: not marks(tmp_path), "gone")
    assert switch.enabled
