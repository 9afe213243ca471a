"""What several commands share: their options and how settings come from them."""

import argparse
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from edge_fer.config.settings import Settings


def add_camera(parser: argparse.ArgumentParser) -> None:
    """Add --camera."""
    parser.add_argument("--camera", metavar="SPEC", help="as camera.source: file:PATH, v4l2:…")


def add_model(parser: argparse.ArgumentParser) -> None:
    """Add --model."""
    parser.add_argument("--model", metavar="NAME|PATH", help="as model.path")


def add_max_frames(parser: argparse.ArgumentParser) -> None:
    """Add --max-frames."""
    parser.add_argument(
        "--max-frames", type=whole(1), metavar="N", help="stop after that many frames"
    )


def add_json(parser: argparse.ArgumentParser) -> None:
    """Add --json."""
    parser.add_argument("--json", action="store_true", help="print JSON for a machine")


def whole(least: int, most: int = 1_000_000) -> Callable[[str], int]:
    """What makes an option's text a number within bounds."""

    def number(text: str) -> int:
        if text.isdecimal() and least <= int(text) <= most:
            return int(text)
        raise argparse.ArgumentTypeError(f"{text}: must be a whole number, {least} to {most}")

    return number


def read_settings(arguments: argparse.Namespace) -> "Settings":
    """Settings from file, environment, --set and the command's own shorthands.

    Raises:
        ConfigError: with one line a mistake.
    """
    from edge_fer.config.load import load

    overrides = list(arguments.set)
    shorthands = {"camera": "camera.source", "mqtt": "mqtt.brokers", "model": "model.path"}
    for name, option in shorthands.items():
        if value := getattr(arguments, name, None):
            overrides.append(f"{option}={json.dumps(value, ensure_ascii=False)}")
    return load(arguments.config, overrides)


def print_json(value: Any) -> None:
    """One JSON document on stdout."""
    print(json.dumps(value, indent=1))
