"""The default file and the schema say what the settings say."""

import json
import os
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_fer.cameras import describe_kinds
from edge_fer.cli import build_parser
from edge_fer.config.load import load, tomllib
from edge_fer.config.options import OPTIONS
from edge_fer.config.render import render, schema
from edge_fer.config.settings import Camera, Mqtt, Settings, Smoothing
from edge_fer.errors import ConfigError

ROOT = Path(__file__).parents[2]


def parsed(directory, text):
    file = directory / "rendered.toml"
    file.write_text(text, encoding="utf-8")
    return load(file, (), {})


def test_the_shipped_file_is_the_rendered_default():
    assert render(cameras=describe_kinds()) == (ROOT / "deploy" / "edge-fer.toml").read_text(
        encoding="utf-8"
    )


def test_the_default_file_reads_back_as_the_defaults(tmp_path):
    assert Settings() == parsed(tmp_path, render())


_TEXT = st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=20)


@settings(deadline=None)
@given(
    source=_TEXT,
    fps=st.floats(0, 240, exclude_min=True),
    brokers=st.lists(st.sampled_from(["mqtt://a", "mqtt://b@c:1"]), min_size=1),
    enter=st.floats(0.4, 1),
)
def test_any_settings_read_back_as_themselves(tmp_path_factory, source, fps, brokers, enter):
    settings = Settings(
        camera=Camera(source=source, fps=fps),
        mqtt=Mqtt(brokers=brokers),
        smoothing=Smoothing(enter=enter),
    )
    assert settings == parsed(tmp_path_factory.getbasetemp(), render(settings))


def test_control_characters_are_written_as_toml_wants_them():
    settings = Settings(camera=Camera(source='\x00\x1f\x7f\\"\n\t😀'))
    assert settings.camera.source == tomllib.loads(render(settings))["camera"]["source"]


def test_every_option_is_described_with_its_rule_and_default():
    lines = render().splitlines()
    text = " ".join(line.removeprefix("# ") for line in lines)
    for options in OPTIONS.values():
        for option in options.values():
            assert option.description
            assert option.description in text
            assert f"{option.rule[0].upper()}{option.rule[1:]}; " in text
    assert 100 >= max(map(len, lines))


def test_the_schema_accepts_the_default_file():
    jsonschema.Draft202012Validator.check_schema(schema())
    jsonschema.Draft202012Validator(schema()).validate(tomllib.loads(render()))


@pytest.mark.parametrize(
    "text",
    [
        "[vison]",
        "[smoothing]\nentre = 1",
        "[vision]\nmin_face_px = 5",
        "[camera]\npace = 'slow'",
        "[privacy]\nacknowledge_use = 'workplace'",
        "[mqtt]\nbrokers = []",
    ],
)
def test_the_schema_refuses_what_the_reader_refuses(tmp_path, text):
    assert not jsonschema.Draft202012Validator(schema()).is_valid(tomllib.loads(text))
    with pytest.raises(ConfigError):
        parsed(tmp_path, text)


def test_the_schema_describes_every_section_and_option():
    definitions = schema()["$defs"]
    for name, options in OPTIONS.items():
        section = definitions[type(getattr(Settings(), name)).__name__]
        assert section["description"]
        assert list(options) == list(section["properties"])
        assert all(entry["description"] for entry in section["properties"].values())


def run(*words):
    arguments = build_parser().parse_args(["config", *words])
    return arguments.run(arguments)


def test_the_command_prints_the_default_file(capsys):
    assert 0 == run()
    assert render(cameras=describe_kinds()) == capsys.readouterr().out


def test_the_command_prints_the_schema(capsys):
    assert 0 == run("--schema")
    assert schema() == json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("words", [["--effective"], []])
def test_the_command_prints_the_settings_in_effect(capsys, tmp_path, words):
    file = tmp_path / "edge-fer.toml"
    file.write_text("[model]\nthreads = 3")
    assert 0 == run("-c", str(file), "--set", "mqtt.prefix=hall", *words)
    values = tomllib.loads(capsys.readouterr().out)
    assert (3, "hall") == (values["model"]["threads"], values["mqtt"]["prefix"])


def test_the_command_tells_mistakes():
    with pytest.raises(ConfigError, match=r"--set: camera\.fps = 0: must be above 0"):
        run("-c", os.devnull, "--effective", "--set", "camera.fps=0")
