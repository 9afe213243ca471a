"""The systemd unit keeps the promises that the documents make."""

import collections
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from edge_fer.config.broker_url import CREDENTIAL
from edge_fer.config.options import OPTIONS
from edge_fer.daemon.service import CLOSE_S, TICK_S
from edge_fer.daemon.systemd import RELOAD_S
from edge_fer.daemon.systemd import SEND_S as NOTIFY_S
from edge_fer.errors import CameraError, ConfigError

UNIT = Path(__file__).parents[2] / "deploy" / "systemd" / "edge-fer.service"

needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed"
)


@pytest.fixture(scope="module")
def service():
    """Return each key of [Service] with the list of its values."""
    section, values = "", collections.defaultdict(list)
    for line in UNIT.read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            section = line
        elif section == "[Service]" and line and not line.startswith("#"):
            key, _, value = line.partition("=")
            values[key].append(value)
    return values


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("Type", "notify"),
        ("NotifyAccess", "main"),
        ("ExecStart", "/opt/edge-fer/bin/edge-fer run -c /etc/edge-fer/edge-fer.toml"),
        ("LoadCredential", f"{CREDENTIAL}:edge-fer.mqtt-password"),
        ("Environment", "ORT_DISABLE_TELEMETRY=1"),
        ("WatchdogSec", "30"),
        ("Restart", "on-failure"),
        ("LimitCORE", "0"),
        ("MemorySwapMax", "0"),
        ("DynamicUser", "yes"),
        ("CacheDirectory", "edge-fer"),
        ("NoNewPrivileges", "yes"),
        ("CapabilityBoundingSet", ""),
        ("ProtectSystem", "strict"),
        ("DevicePolicy", "closed"),
        ("IPAddressDeny", "any"),
    ],
)
def test_the_unit_says(service, key, expected):
    assert [expected] == service[key]


def test_a_wrong_configuration_is_not_retried(service):
    assert [str(ConfigError.exit_code)] == service["RestartPreventExitStatus"]


def test_a_reload_reads_the_same_file_ahead_of_the_signal(service):
    config = service["ExecStart"][0].replace(" run ", " config ")
    [command] = service["ExecReload"]
    assert f"/bin/sh -c '{config} >/dev/null && kill -HUP $$MAINPID'" == command


def test_a_lost_camera_is_retried_by_systemd_without_end(service):
    assert ["on-failure"] == service["Restart"]
    assert str(CameraError.exit_code) not in service["RestartPreventExitStatus"]
    assert "StartLimitIntervalSec=0" in UNIT.read_text(encoding="utf-8").splitlines()


def test_every_wait_of_the_main_loop_is_shorter_than_the_watchdogs_time(service):
    watchdog_s = int(service["WatchdogSec"][0])
    assert TICK_S + CLOSE_S + NOTIFY_S < watchdog_s / 2


def test_a_reload_may_take_as_long_as_a_start(service):
    assert [str(RELOAD_S)] == service["TimeoutStartSec"]


def test_a_refused_system_call_is_an_error_and_not_the_end(service):
    assert any("@resources" in value for value in service["SystemCallFilter"])
    assert ["EPERM"] == service["SystemCallErrorNumber"]


def test_the_processor_stays_visible_to_onnxruntime(service):
    assert ["all"] == service["ProcSubset"]


def test_only_cameras_may_be_opened(service):
    assert {"char-video4linux rw", "char-media rw", "char-dma_heap rw"} == set(
        service["DeviceAllow"]
    )


def test_stopping_waits_for_the_longest_drain(service):
    match = re.search(r"at most ([0-9]+)", OPTIONS["mqtt"]["drain_s"].bounds)
    assert int(service["TimeoutStopSec"][0]) > int(match[1])


@needs_systemd
def test_systemd_finds_nothing_wrong_with_the_unit(tmp_path):
    # systemd wants the program to be there, and it is not before an installation.
    text = re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", UNIT.read_text(), flags=re.MULTILINE)
    file = tmp_path / UNIT.name
    file.write_text(text)
    result = subprocess.run(
        ["systemd-analyze", "verify", str(file)], capture_output=True, text=True, check=False
    )
    assert (0, "") == (result.returncode, result.stderr)


@needs_systemd
def test_the_unit_stays_hardened():
    command = ["systemd-analyze", "security", "--offline=true", "--threshold=15", str(UNIT)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout[-200:]
