"""Reading the configuration: precedence, and a line for every mistake."""

import os
import string
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_fer.config.load import default_path, device_name, load, require_acknowledged
from edge_fer.config.settings import Device, Privacy, Settings
from edge_fer.errors import ConfigError
from tests.support.config import mistakes, mistakes_if_any, read


def test_an_empty_file_gives_the_defaults(tmp_path):
    assert Settings() == read(tmp_path, "")


def test_a_file_wins_over_the_defaults(tmp_path):
    assert "hall" == read(tmp_path, '[mqtt]\nprefix = "hall"').mqtt.prefix


def test_the_environment_wins_over_the_file(tmp_path):
    environ = {"EDGE_FER_MQTT__PREFIX": "attic"}
    assert "attic" == read(tmp_path, '[mqtt]\nprefix = "hall"', environ=environ).mqtt.prefix


def test_set_wins_over_the_environment(tmp_path):
    environ = {"EDGE_FER_MQTT__PREFIX": "attic"}
    settings = read(tmp_path, '[mqtt]\nprefix = "hall"', ["mqtt.prefix=cellar"], environ)
    assert "cellar" == settings.mqtt.prefix


def test_the_last_set_wins(tmp_path):
    assert 4 == read(tmp_path, "", ["model.threads=2", "model.threads=4"]).model.threads


def test_options_of_one_section_may_come_from_different_sources(tmp_path):
    environ = {"EDGE_FER_CAMERA__HEIGHT": "240"}
    camera = read(tmp_path, "[camera]\nwidth = 320", ["camera.fps=5"], environ).camera
    assert (320, 240, 5.0) == (camera.width, camera.height, camera.fps)


def test_variables_without_a_double_underscore_are_not_settings(tmp_path):
    environ = {"EDGE_FER_DATA": "/data", "EDGE_FER_MEDIA": "/media", "EDGE_FER_CONFIG": "/no"}
    assert Settings() == read(tmp_path, "", environ=environ)


def test_variables_of_others_are_left_alone(tmp_path):
    assert Settings() == read(tmp_path, "", environ={"MY_EDGE_FER_MQTT__PREFIX": "+"})


def test_the_file_named_in_the_environment_is_read_when_none_is_given(tmp_path):
    file = tmp_path / "own.toml"
    file.write_text("[model]\nthreads = 3")
    assert 3 == load(None, (), {"EDGE_FER_CONFIG": str(file)}).model.threads


def test_a_given_file_wins_over_the_one_named_in_the_environment(tmp_path):
    environ = {"EDGE_FER_CONFIG": "/nowhere.toml"}
    assert 3 == read(tmp_path, "[model]\nthreads = 3", environ=environ).model.threads


def test_the_system_file_is_read_where_there_is_one(tmp_path):
    file = tmp_path / "edge-fer.toml"
    assert None is default_path({}, file)
    assert None is default_path({"EDGE_FER_CONFIG": ""}, file)
    file.write_text("")
    assert file == default_path({}, file)
    assert None is default_path({}, file / "below")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read all")
def test_a_system_file_out_of_reach_is_not_taken_for_absent(tmp_path):
    folder = tmp_path / "locked"
    folder.mkdir(mode=0)
    assert folder / "edge-fer.toml" == default_path({}, folder / "edge-fer.toml")


def test_all_mistakes_of_all_sources_are_told_at_once(tmp_path):
    lines = mistakes(
        tmp_path,
        "[vison]\n[camera]\npace = 'slow'\nfps = 0\n[smoothing]\nleave = 0.9",
        ["mqtt.keepalive_s=1", "foo"],
        {"EDGE_FER_LOG__LEVEL": "INFO"},
    )
    assert {
        "edge-fer.toml: unknown section [vison]; did you mean [vision]?",
        "edge-fer.toml: camera.pace = 'slow': must be one of fast, real",
        "edge-fer.toml: camera.fps = 0: must be above 0 and at most 240",
        "edge-fer.toml: smoothing.leave = 0.9: must be at most smoothing.enter (0.4)",
        "EDGE_FER_LOG__LEVEL: log.level = 'INFO': must be one of debug, info, warning, error",
        "--set: mqtt.keepalive_s = 1: must be at least 5 and at most 3600",
        "--set: 'foo': must be section.option=value",
    } == set(lines)
    assert 7 == len(lines)


def test_a_wrong_value_is_told_even_where_another_source_overrides_it(tmp_path):
    lines = mistakes(tmp_path, "[camera]\npace = 'slow'", ["camera.pace=real"])
    assert ["edge-fer.toml: camera.pace = 'slow': must be one of fast, real"] == lines


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("[camera]\nfps = = 3", "line 2, column 7: must be TOML: "),
        ("[camera\n", "line 1, column 8: must be TOML: "),
        ("[log]\nlevel = 'info", "line 2, column 14: must be TOML: "),
        ("[log]\n[log]", "line 2, column 5: must be TOML: "),
        (b"[log]\nlevel = '\xff'", "line 2, column 10: must be UTF-8 text"),
    ],
)
def test_a_syntax_error_is_told_with_line_and_column(tmp_path, text, place):
    (line,) = mistakes(tmp_path, text)
    assert f"edge-fer.toml: {place}" == line[: 15 + len(place)]


def test_a_syntax_error_does_not_hide_mistakes_elsewhere(tmp_path):
    assert 2 == len(mistakes(tmp_path, "[", ["camera.fps=0"]))


def test_a_byte_order_mark_does_no_harm(tmp_path):
    assert 2 == read(tmp_path, b"\xef\xbb\xbf[model]\nthreads = 2").model.threads


def test_a_missing_file_is_one_line(tmp_path):
    with pytest.raises(
        ConfigError, match=r"none\.toml: no such file; `edge-fer config` prints a default file"
    ):
        load(tmp_path / "none.toml", (), {})


def test_a_folder_is_no_file(tmp_path):
    with pytest.raises(ConfigError, match=r": cannot be read \(is a directory\)$"):
        load(tmp_path, (), {})


def test_a_path_no_system_knows_is_one_line():
    with pytest.raises(ConfigError, match=r": cannot be read \(embedded null byte\)$"):
        load(Path("a\0b"), (), {})


def test_nothing_runs_before_the_use_is_acknowledged():
    with pytest.raises(ConfigError) as caught:
        require_acknowledged(Settings())
    text = str(caught.value)
    for part in (
        "must be one of home, research, medical, safety, public-venue, art\n",
        "people in view must be informed",
        "prohibited in the EU (AI Act, article 5(1)(f))",
        "acknowledge_use in section [privacy] of the configuration file",
        "--set privacy.acknowledge_use=home",
        "EDGE_FER_PRIVACY__ACKNOWLEDGE_USE=home in the environment",
    ):
        assert part in text
    assert 78 == caught.value.exit_code


def test_an_acknowledged_use_lets_everything_run():
    require_acknowledged(Settings(privacy=Privacy(acknowledge_use="home")))


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("pi-4.local", "pi-4.local"),
        ("Küche 2", "K-che-2"),
        ("a/+#b", "a-b"),
        ("", "edge-fer"),
        ("---", "edge-fer"),
        ("x" * 80, "x" * 64),
    ],
)
def test_a_device_without_a_name_is_called_after_its_host(host, expected):
    assert expected == device_name(Settings(), host)
    assert Settings() != Settings(device=Device(name=expected))


def test_a_given_device_name_is_kept():
    assert "hall" == device_name(Settings(device=Device(name="hall")), "pi")
    assert device_name(Settings())


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_give_settings_or_a_config_error(tmp_path_factory, data):
    assert all(mistakes_if_any(tmp_path_factory.getbasetemp(), data))


_WORDS = st.sampled_from(
    [
        "[vision]",
        "[mqtt]",
        "[[log]]",
        "brokers",
        "min_face_px",
        "level",
        "=",
        "\n",
        "{",
        "}",
        "[",
        "]",
        "'",
        '"',
        ".",
        ",",
        "1",
        "-1e9",
        "inf",
        "true",
        "2026-01-01T00:00:00Z",
        "\\u0000",
        "#",
    ]
)


@settings(deadline=None)
@given(st.lists(_WORDS | st.text(string.printable, max_size=3), max_size=30))
def test_anything_like_toml_gives_settings_or_a_config_error(tmp_path_factory, words):
    lines = mistakes_if_any(tmp_path_factory.getbasetemp(), " ".join(words))
    assert all(line and line.isprintable() for line in lines)


@settings(deadline=None)
@given(st.sampled_from(["mqtt.brokers", "model.threads", "camera.source"]), st.text())
def test_any_override_gives_settings_or_printable_lines(tmp_path_factory, key, text):
    lines = mistakes_if_any(tmp_path_factory.getbasetemp(), "", [f"{key}={text}"])
    assert all(line and line.isprintable() for line in lines)


def test_reading_the_configuration_loads_no_heavy_library():
    code = (
        "import sys, edge_fer.config.load, edge_fer.config.render, edge_fer.cli.config;"
        "print(sorted({'numpy', 'cv2', 'dlib', 'onnxruntime', 'torch'} & set(sys.modules)))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert "[]\n" == result.stdout
