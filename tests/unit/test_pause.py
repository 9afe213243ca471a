"""A paused camera stays closed across restarts."""

import signal
import threading
from pathlib import Path
from typing import Any

import pytest

from edge_fer.config.settings import Device, Mqtt, Settings
from edge_fer.daemon.control import PauseFile, ServiceControl, pause_file
from edge_fer.daemon.service import PAUSED
from tests.support.mqtt import command, listening
from tests.support.service_manager import Rig
from tests.support.wait import DEADLINE_S, wait_until


def pause_files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("**/*.paused"))


def pause(rig: Rig, daemon: Any) -> None:
    """OFF, and wait until the daemon says that the camera is closed."""
    with listening(rig.broker, "enabled") as inbox:
        command(rig.broker, "OFF")
        while inbox.get(timeout=DEADLINE_S).payload != b"OFF":
            pass
    daemon.until(f"STATUS={PAUSED}")


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGTERM])
def test_a_pause_outlives_the_process_until_somebody_says_on(rig: Rig, ending: int) -> None:
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
            wait_until(lambda: inbox.get(timeout=DEADLINE_S).payload == b"ON", "enabled")
        wait_until(lambda: not pause_files(rig.folder), "gone")


def test_nothing_is_kept_where_nothing_may_be_written(rig: Rig) -> None:
    rig.hardware.plug()
    with rig.run("--set=mqtt.outbox=memory") as daemon:
        daemon.until("READY=1")
        pause(rig, daemon)
    assert [] == pause_files(rig.folder)
    with rig.run("--set=mqtt.outbox=memory") as daemon:
        assert PAUSED not in " ".join(daemon.until("READY=1"))


def test_a_pause_that_cannot_be_kept_holds_and_says_so(rig: Rig) -> None:
    rig.hardware.plug()
    (rig.folder / "file").touch()
    with rig.run(f"--set=mqtt.outbox={rig.folder / 'file' / 'folder'}") as daemon:
        daemon.until("READY=1")
        command(rig.broker, "OFF")
        heard = daemon.until(f"STATUS={PAUSED}; the camera will not stay paused after a restart")
        assert heard[-1].endswith("/edge-fer-porch.paused: Not a directory")


def test_the_pause_file_exists_before_the_main_loop_has_seen_the_command(tmp_path: Path) -> None:
    file = PauseFile(tmp_path / "folder" / "a.paused")
    control = ServiceControl(file)
    control.enable(False)
    wait_until(lambda: file.exists, "there")
    assert not ServiceControl(file).enabled
    control.enable(True)
    wait_until(lambda: not file.exists, "gone")
    assert ServiceControl(file).enabled


def test_of_many_commands_in_a_row_the_last_one_counts(tmp_path: Path) -> None:
    file = PauseFile(tmp_path / "a.paused")
    control = ServiceControl(file)
    for _ in range(50):
        control.enable(False)
        control.enable(True)
    control.enable(False)
    wait_until(lambda: not [it for it in threading.enumerate() if "_write" in it.name], "written")
    assert file.exists


def test_a_pause_goes_along_with_the_devices_name(tmp_path: Path) -> None:
    old, new = (
        pause_file(Settings(mqtt=Mqtt(outbox=str(tmp_path)), device=Device(name=name)))
        for name in ("porch", "hall")
    )
    control = ServiceControl(old)
    control.enable(False)
    wait_until(lambda: old.exists, "there")
    control.use_pause_file(new)
    wait_until(lambda: pause_files(tmp_path) == ["edge-fer-hall.paused"], "moved")
    control.enable(True)
    wait_until(lambda: not pause_files(tmp_path), "gone")
    assert "" == control.failure


def test_a_name_that_was_paused_once_does_not_close_a_camera_that_is_on(tmp_path: Path) -> None:
    stale = PauseFile(tmp_path / "hall.paused")
    (tmp_path / "hall.paused").touch()
    control = ServiceControl(PauseFile(tmp_path / "porch.paused"))
    control.use_pause_file(stale)
    wait_until(lambda: not pause_files(tmp_path), "gone")
    assert control.enabled
