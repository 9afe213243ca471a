"""What `edge-fer check` says beside what it tries, and its report."""

import json

import pytest

from edge_fer.cli import main
from edge_fer.config.settings import Settings
from edge_fer.setup import doctor


def findings(settings=None, **tree):
    return {finding.name: finding for finding in doctor.inspect(settings, **tree)}


def test_every_library_in_use_is_named_with_its_version():
    text = findings()["versions"].text
    assert [] == [
        name
        for name in ("python", "numpy", "onnxruntime", "opencv", "dlib", "paho-mqtt", "msgspec")
        if f"{name} " not in text
    ]


def test_nothing_about_the_device_is_an_error():
    assert {"ok", "warning"} >= {finding.level for finding in doctor.inspect(Settings())}


@pytest.mark.parametrize(
    ("flags", "level", "words"),
    [
        ("0", "ok", "none since boot"),
        ("50005", "warning", "under-voltage"),
        ("40000", "warning", "throttled earlier"),
    ],
)
def test_a_throttled_board_is_a_warning(tmp_path, flags, level, words):
    file = tmp_path / "sys/devices/platform/soc/soc:firmware/get_throttled"
    file.parent.mkdir(parents=True)
    file.write_text(flags)
    finding = findings(root=tmp_path)["throttling"]
    assert level == finding.level
    assert words in finding.text


@pytest.mark.parametrize(("set_", "level"), [(True, "ok"), (False, "warning"), (None, "ok")])
def test_a_clock_that_nobody_sets_is_a_warning(set_, level):
    assert level == doctor.clock(set_).level


def test_telemetry_is_off_and_a_switch_that_is_not_is_a_warning(monkeypatch):
    assert "ok" == findings()["telemetry"].level
    monkeypatch.setenv("ORT_DISABLE_TELEMETRY", "0")
    assert "warning" == findings()["telemetry"].level


def test_user_names_are_masked_in_addresses_and_home(tmp_path):
    text = f"mqtts://bob:secret@hall:8883, {tmp_path}/x"
    assert "mqtts://***@hall:8883, ~/x" == doctor.masked(text, tmp_path)


def test_a_report_holds_what_was_changed_and_no_user(capsys, tmp_path):
    code = main(
        [
            "check",
            "--report",
            "--mqtt",
            "mqtt://bob@localhost:1",
            "--set",
            "mqtt.prefix=hall",
            "--camera",
            f"file:{tmp_path}/none.mp4",
        ]
    )
    text = capsys.readouterr().out
    assert 78 == code  # no use is acknowledged
    assert "bob" not in text
    assert "prefix = 'hall'" in text
    assert "keepalive_s" not in text


def test_a_report_is_made_of_a_wrong_configuration_too(capsys):
    code = main(["check", "--report", "--set", "mqtt.prefx=hall"])
    text = capsys.readouterr().out
    assert 78 == code
    assert "did you mean 'prefix'?" in text
    assert "| versions | ok |" in text


def test_json_holds_checks_and_device(capsys, tmp_path):
    main(["check", "--json", "--mqtt", "mqtt://localhost:1", "--camera", f"file:{tmp_path}/x.mp4"])
    names = {finding["name"] for finding in json.loads(capsys.readouterr().out)}
    assert {"use", "model", "camera", "broker", "versions", "system", "clock", "state"} <= names
