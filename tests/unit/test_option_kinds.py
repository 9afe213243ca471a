"""An option of every kind, added as CONTRIBUTING.md says, works from every source."""

from pathlib import Path
from typing import Annotated, Any, Literal

import jsonschema
import msgspec
import pytest
from msgspec import Meta

from edge_fer.config import settings as own
from edge_fer.config.load import load_as, tomllib
from edge_fer.config.options import options_of
from edge_fer.config.render import render, schema
from edge_fer.errors import ConfigError


class Camera(own.Camera, frozen=True):
    """The camera's section with one more option of each kind."""

    retries: Annotated[int, Meta(ge=0, le=9, description="Attempts.")] = 3
    gain: Annotated[float, Meta(gt=0, description="Analogue gain.")] = 1.0
    label: Annotated[str, Meta(description="Name on the housing.")] = ""
    serial: Annotated[str, Meta(pattern="^[0-9a-f]{4}$", description="Serial number.")] = "00ff"
    upside_down: Annotated[bool, Meta(description="True if it hangs upside down.")] = False
    exposure: Annotated[Literal["auto", "7", "off"], Meta(description="Exposure.")] = "auto"
    rotate_deg: Annotated[Literal[0, 90, 180, 270], Meta(description="Clockwise.")] = 0
    level: Annotated[Literal[1, 2, "best"], Meta(description="Quality.")] = "best"
    names: Annotated[list[str], Meta(description="Other names.")] = msgspec.field(
        default_factory=list
    )
    zones: Annotated[list[Annotated[int, Meta(ge=1)]], Meta(min_length=1, description="Zones.")] = (
        msgspec.field(default_factory=lambda: [1])
    )
    modes: Annotated[list[Literal["day", "night"]], Meta(description="Modes.")] = msgspec.field(
        default_factory=list
    )
    crop_px: Annotated[Annotated[int, Meta(ge=8)] | None, Meta(description="Side.")] = None
    owner: Annotated[str | None, Meta(description="Owner.")] = "me"


class Settings(own.Settings, frozen=True):
    """The settings of a program with that camera."""

    camera: Camera = msgspec.field(default_factory=Camera)


KINDS: list[tuple[str, str, str, Any]] = [
    ("retries", "5", "5", 5),
    ("gain", "2", "2", 2.0),
    ("gain", "0.5", "0.5", 0.5),
    ("label", "'hall'", "hall", "hall"),
    ("label", "'7'", "7", "7"),
    ("label", "'true'", "true", "true"),
    ("serial", "'12ab'", "12ab", "12ab"),
    ("serial", "'1234'", "1234", "1234"),
    ("upside_down", "true", "true", True),
    ("upside_down", "false", "false", False),
    ("exposure", "'off'", "off", "off"),
    ("exposure", "'7'", "7", "7"),
    ("rotate_deg", "270", "270", 270),
    ("rotate_deg", "0", "0", 0),
    ("level", "2", "2", 2),
    ("level", "'best'", "best", "best"),
    ("names", "['a', '7']", "a, 7", ["a", "7"]),
    ("names", "['a']", "['a']", ["a"]),
    ("names", "[]", "", []),
    ("zones", "[1, 2]", "1,2", [1, 2]),
    ("zones", "[3]", "3", [3]),
    ("modes", "['night', 'day']", "night,day", ["night", "day"]),
    ("crop_px", "8", "8", 8),
    ("owner", "'you'", "you", "you"),
]
"""Option, its value in TOML, the same as a text, and in Python."""

WRONG = [
    ("retries", "10", "10", "10: must be at least 0 and at most 9"),
    ("retries", "'5'", "x", "'{}': must be a whole number, at least 0 and at most 9"),
    ("retries", "true", "true", "true: must be a whole number, at least 0 and at most 9"),
    ("gain", "0", "0", "0: must be above 0"),
    ("gain", "false", "false", "false: must be a number, above 0"),
    ("label", "7", None, "7: must be a string"),
    ("serial", "'xyz'", "xyz", "'xyz': must be a string that matches ^[0-9a-f]{{4}}$"),
    ("upside_down", "1", "1", "1: must be true or false"),
    ("upside_down", "'yes'", "yes", "'yes': must be true or false"),
    ("exposure", "7", None, "7: must be one of auto, 7, off"),
    ("exposure", "'on'", "on", "'on': must be one of auto, 7, off"),
    ("rotate_deg", "45", "45", "45: must be one of 0, 90, 180, 270"),
    ("rotate_deg", "'90'", "'90'", "'90': must be one of 0, 90, 180, 270"),
    ("rotate_deg", "false", "false", "false: must be one of 0, 90, 180, 270"),
    ("level", "3", None, "3: must be one of 1, 2, best"),
    ("names", "'a'", None, "'a': must be a list of strings"),
    ("names", "[1]", None, "[1]: must be a list of strings"),
    ("zones", "[]", "", "[]: must be a list of whole numbers, each at least 1, not empty"),
    ("zones", "[0]", "0", "[0]: must be a list of whole numbers, each at least 1, not empty"),
    ("zones", "['a']", "a", "['a']: must be a list of whole numbers, each at least 1, not empty"),
    ("modes", "['dusk']", "dusk", "['dusk']: must be a list of any of day, night"),
    ("crop_px", "7", "7", "7: must be at least 8"),
    ("crop_px", "''", "x", "'{}': must be a whole number, at least 8"),
    ("owner", "1", None, "1: must be a string"),
]
"""Option, a wrong value in TOML, a wrong text (None if no text is wrong), the complaint."""


def load(folder: Path, text: str, *overrides: str, **environ: str) -> Settings:
    file = folder / "edge-fer.toml"
    file.write_text(text)
    return load_as(Settings, file, overrides, environ)


def variable(name: str) -> str:
    return f"EDGE_FER_CAMERA__{name.upper()}"


@pytest.mark.parametrize(("name", "toml", "text", "value"), KINDS)
def test_a_value_of_every_kind_comes_from_every_source(
    tmp_path: Path, name: str, toml: str, text: str, value: Any
) -> None:
    loaded = [
        load(tmp_path, f"[camera]\n{name} = {toml}"),
        load(tmp_path, "", **{variable(name): text}),
        load(tmp_path, "", f"camera.{name}={text}"),
        load(tmp_path, "", f"camera.{name}={toml}"),
    ]
    values = [getattr(settings.camera, name) for settings in loaded]
    assert [value] * 4 == values
    assert [type(value)] * 4 == list(map(type, values))


def test_an_empty_text_unsets_an_optional_option(tmp_path: Path) -> None:
    file = "[camera]\ncrop_px = 8\nowner = 'you'"
    camera = load(tmp_path, file, "camera.crop_px=", **{variable("owner"): ""}).camera
    assert (None, None) == (camera.crop_px, camera.owner)
    assert "" == load(tmp_path, file, "camera.owner=''").camera.owner


@pytest.mark.parametrize(("name", "toml", "text", "complaint"), WRONG)
def test_a_wrong_value_of_every_kind_is_one_line_with_the_rule(
    tmp_path: Path, name: str, toml: str, text: str | None, complaint: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, f"[camera]\n{name} = {toml}")
    line = f"camera.{name} = {complaint.format(toml.strip(chr(39)))}"
    assert f"{tmp_path / 'edge-fer.toml'}: {line}" == str(caught.value)
    if text is not None:
        line = f"camera.{name} = {complaint.format(text)}"
        for origin, overrides, environ in (
            ("--set", [f"camera.{name}={text}"], {}),
            (variable(name), [], {variable(name): text}),
        ):
            with pytest.raises(ConfigError) as caught:
                load(tmp_path, "", *overrides, **environ)
            assert f"{origin}: {line}" == str(caught.value)


def test_an_unknown_name_near_a_new_option_gets_a_hint(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"'rotate' in \[camera\]; did you mean 'rotate_deg'\?"):
        load(tmp_path, "[camera]\nrotate = 90")


def test_the_default_file_describes_every_kind_and_reads_back(tmp_path: Path) -> None:
    text = render(Settings())
    for entry in (
        "# Attempts.\n# A whole number, at least 0 and at most 9; 3 by default.\nretries = 3\n",
        "# Analogue gain.\n# A number, above 0; 1.0 by default.\ngain = 1.0\n",
        '# Name on the housing.\n# A string; "" by default.\nlabel = ""\n',
        "# True if it hangs upside down.\n# True or false; false by default.\nupside_down = false",
        '# Exposure.\n# One of auto, 7, off; "auto" by default.\nexposure = "auto"\n',
        "# Clockwise.\n# One of 0, 90, 180, 270; 0 by default.\nrotate_deg = 0\n",
        '# Quality.\n# One of 1, 2, best; "best" by default.\nlevel = "best"\n',
        "# Other names.\n# A list of strings; [] by default.\nnames = []\n",
        "# A list of whole numbers, each at least 1, not empty; [1] by default.\nzones = [1]\n",
        "# Modes.\n# A list of any of day, night; [] by default.\nmodes = []\n",
        "# Side.\n# A whole number, at least 8; unset by default.\n# crop_px =\n",
        '# Owner.\n# A string; "me" by default.\nowner = "me"\n',
    ):
        assert f"\n{entry}" in text
    assert Settings() == load(tmp_path, text)
    other = Settings(
        camera=Camera(gain=float("inf"), upside_down=True, rotate_deg=90, level=1, zones=[2, 3])
    )
    assert other == load(tmp_path, render(other))


def test_the_schema_permits_and_refuses_what_the_reader_does(tmp_path: Path) -> None:
    validator = jsonschema.Draft202012Validator(schema(Settings))
    validator.validate(tomllib.loads(render(Settings())))
    for name, toml, *_ in KINDS:
        validator.validate(tomllib.loads(f"[camera]\n{name} = {toml}"))
    for name, toml, *_ in WRONG:
        assert not validator.is_valid(tomllib.loads(f"[camera]\n{name} = {toml}"))
    properties = schema(Settings)["$defs"]["Camera"]["properties"]
    assert {"description": "True if it hangs upside down.", "type": "boolean"}.items() <= (
        properties["upside_down"].items()
    )
    assert [0, 90, 180, 270] == properties["rotate_deg"]["enum"]
    assert all(entry["description"] for entry in properties.values())


@pytest.mark.parametrize("hint", [dict[str, int], int | str, list[list[int]], bytes])
def test_an_unsupported_kind_is_an_error_when_the_settings_are_defined(hint: Any) -> None:
    section = msgspec.defstruct("Odd", [("option", hint, None)], bases=(own.Section,), frozen=True)
    settings = msgspec.defstruct(
        "OddSettings", [("odd", section, section())], bases=(own.Settings,), frozen=True
    )
    with pytest.raises(TypeError, match="unsupported kind of option"):
        options_of(settings)
