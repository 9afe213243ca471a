"""Options that several commands share, and how settings come from them."""

import argparse
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from edge_fer.config.settings import Settings


class _CameraHelp(str):
    """Help for --camera; the kinds of cameras are listed only when it is printed.

    Listing them imports OpenCV, which building the parser must not.
    """

    def __mod__(self, values: object) -> str:
        from edge_fer.cameras import examples

        return f"{self}: {', '.join(examples().values())}"


def add_camera(parser: argparse.ArgumentParser) -> None:
    """Add --camera."""
    parser.add_argument("--camera", metavar="SPEC", help=_CameraHelp("as camera.source"))


def add_model(parser: argparse.ArgumentParser) -> None:
    """Add --model."""
    parser.add_argument("--model", metavar="NAME|PATH", help="as model.path")


def add_max_frames(parser: argparse.ArgumentParser) -> None:
    """Add --max-frames."""
    parser.add_argument(
        "--max-frames", type=whole(1), metavar="N", help="stop after this many frames"
    )


def add_json(parser: argparse.ArgumentParser) -> None:
    """Add --json."""
    parser.add_argument("--json", action="store_true", help="print JSON")


def whole(least: int, most: int = 1_000_000) -> Callable[[str], int]:
    """Return a parser of whole numbers from ``least`` to ``most``, for an option's type."""

    def number(text: str) -> int:
        if text.isdecimal() and least <= int(text) <= most:
            return int(text)
        raise argparse.ArgumentTypeError(f"{text}: must be a whole number, {least} to {most}")

    return number


def read_settings(arguments: argparse.Namespace) -> "Settings":
    """Return the settings of file, environment, --set and the command's own shorthands.

    Raises:
        ConfigError: there are mistakes, one per line.
    """
    from edge_fer.config.load import load

    overrides = list(arguments.set)
    shorthands = {
        "camera": "camera.source",
        "mqtt": "mqtt.brokers",
        "model": "model.path",
        "size": "model.size",
    }
    for name, option in shorthands.items():
        if value := getattr(arguments, name, None):
            overrides.append(f"{option}={json.dumps(value, ensure_ascii=False)}")
    return load(arguments.config, overrides)


def print_json(value: Any) -> None:
    """Print one JSON document on stdout."""
    print(json.dumps(value, indent=1))
