"""A live camera that stalls, hangs, is unplugged or was never there; real processes and signals."""

import json
import queue

from tests.support.mqtt import command, listening
from tests.support.wait import DEADLINE_S, wait_until


def stats(inbox):
    """The latest numbers."""
    message = inbox.get(timeout=DEADLINE_S)
    try:
        while True:
            message = inbox.get_nowait()
    except queue.Empty:
        return json.loads(message.payload)


def test_ready_comes_with_the_first_frame_and_the_watchdog_is_fed_by_frames(rig):
    rig.hardware.plug()
    with rig.run() as daemon:
        first = daemon.until("WATCHDOG=1")
        assert "READY=1" == first[0]
        assert "STATUS=watching" in first or daemon.until("STATUS=watching")
        code, seconds = daemon.stop()
        assert (0, True) == (code, seconds < 2)
        assert "STOPPING=1" in daemon.receive(0)


def test_a_stalled_camera_is_reopened_counted_and_named(rig):
    rig.hardware.plug()
    with rig.run() as daemon, listening(rig.broker, "stats") as numbers:
        daemon.until("READY=1")
        rig.hardware.stall()
        lost = daemon.until("STATUS=camera lost, reopening: camera fifo:")
        assert any("no frame for 0.4 s" in line for line in lost)
        assert "WATCHDOG=1" in daemon.receive(1)
        rig.hardware.go_on()
        daemon.until("STATUS=watching")
        wait_until(lambda: stats(numbers)["camera_reopens"] == 1, "counted")
        now = stats(numbers)
        assert (1, 0.0) == (now["camera_losses"], now["camera_lost_s"])
        assert daemon.process.poll() is None
    assert 1 == daemon.log.count("retrying for up to")


def test_an_unplugged_camera_ends_the_faces_in_view_and_may_come_back(rig):
    rig.hardware.plug()
    with rig.run() as daemon, listening(rig.broker, "event") as events:
        assert "begin" == json.loads(events.get(timeout=DEADLINE_S).payload)["phase"]
        rig.hardware.unplug()
        wait_until(
            lambda: json.loads(events.get(timeout=DEADLINE_S).payload)["phase"] == "end", "ended"
        )
        daemon.until("STATUS=camera lost")
        rig.hardware.plug()
        daemon.until("STATUS=watching")
        assert "begin" == json.loads(events.get(timeout=DEADLINE_S).payload)["phase"]


def test_a_camera_that_never_comes_is_a_named_wait_and_then_exit_code_74(rig):
    with rig.run("--set=camera.give_up_s=1.5") as daemon:
        ready = daemon.until("READY=1")
        assert ready[1].startswith("STATUS=camera lost, reopening: camera fifo:"), ready
        assert "WATCHDOG=1" in daemon.receive(0.5)
        assert 74 == daemon.process.wait(timeout=DEADLINE_S)
    assert "is it plugged in?; gave up after 1.5 s (camera.give_up_s)" in daemon.log
    assert "Traceback" not in daemon.log


def test_a_camera_that_hangs_in_a_read_does_not_hold_up_sigterm(rig):
    rig.hardware.plug()
    with rig.run(f"--camera=hung:{rig.hardware.path}") as daemon:
        daemon.until("READY=1")
        rig.hardware.stall()
        daemon.until("STATUS=camera lost, reopening: camera hung:")
        code, seconds = daemon.stop()
        assert (0, True) == (code, seconds < 2)
    assert "does not respond for 1.8 s" in daemon.log


def test_a_camera_that_hangs_for_good_is_left_to_a_new_process(rig):
    rig.hardware.plug()
    with rig.run(f"--camera=hung:{rig.hardware.path}", "--set=camera.give_up_s=4") as daemon:
        daemon.until("READY=1")
        rig.hardware.stall()
        assert 74 == daemon.process.wait(timeout=DEADLINE_S)
    assert "does not respond and cannot be closed; gave up after 4 s" in daemon.log


def test_the_pause_switch_closes_the_device_of_a_live_camera(rig):
    rig.hardware.plug()
    with rig.run() as daemon, listening(rig.broker, "enabled") as enabled:
        daemon.until("READY=1")
        assert rig.hardware.held_by(daemon.process.pid)
        command(rig.broker, "OFF")
        wait_until(lambda: enabled.get(timeout=DEADLINE_S).payload == b"OFF", "off")
        assert not rig.hardware.held_by(daemon.process.pid)
        daemon.until("STATUS=paused by enabled/set; the camera is closed")
        assert "WATCHDOG=1" in daemon.receive(1.5)


def test_the_watchdog_starves_when_a_stage_hangs(rig):
    """From some moment on landmarks never come; no timer feeds the watchdog meanwhile."""
    flag = rig.folder / "hang"
    hang = (
        "import os, time, edge_fer.vision.landmarks as d\n"
        "locate = d.Landmarker.locate\n"
        "def hang(*a):\n"
        f"    if os.path.exists({str(flag)!r}):\n"
        "        print('HUNG', file=sys.stderr, flush=True)\n"
        "        time.sleep(99)\n"
        "    return locate(*a)\n"
        "d.Landmarker.locate = hang"
    )
    rig.hardware.plug()
    with rig.run(more=hang) as daemon:
        daemon.until("WATCHDOG=1")
        assert "WATCHDOG=1" in daemon.receive(1)
        flag.touch()
        wait_until(lambda: "HUNG" in daemon.log, "hung")
        daemon.receive(0.1)
        assert [] == daemon.receive(1.5)
        assert daemon.process.poll() is None


def test_a_live_camera_that_is_too_fast_for_the_device_is_looked_at_less(rig):
    slow = (
        "import time, edge_fer.vision.dlib_hog as d\n"
        "find = d.HogDetector.find\n"
        "d.HogDetector.find = lambda *a: (time.sleep(0.15), find(*a))[1]"
    )
    rig.hardware.plug()
    with rig.run(more=slow) as daemon, listening(rig.broker, "stats") as numbers:
        daemon.until(
            "STATUS=watching; degraded, level 1 of 5: "
            "scanning for new faces at 1/2 of the normal rate"
        )
        wait_until(lambda: stats(numbers)["degraded"] > 0, "published")
        assert 1 <= stats(numbers)["degradations"]
    assert "WARNING degraded, level 1 of 5" in daemon.log


def test_a_broker_that_is_away_is_named_and_does_not_keep_from_ready(rig):
    rig.broker.stop()
    rig.hardware.plug()
    with rig.run() as daemon:
        assert "STATUS=no broker reachable; events are queued" in daemon.until("READY=1")
        assert "WATCHDOG=1" in daemon.receive(1)
        rig.broker.start()
        daemon.until("STATUS=watching")
