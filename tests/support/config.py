"""Load settings from a text, or return the mistakes in it."""

import os

import pytest

from edge_fer.config.load import load
from edge_fer.errors import ConfigError


def read(directory, text, overrides=(), environ=None):
    file = directory / "edge-fer.toml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return load(file, overrides, environ or {})


def mistakes(directory, text="", overrides=(), environ=None):
    """Return the lines of the error, the file's path cut to its name."""
    with pytest.raises(ConfigError) as caught:
        read(directory, text, overrides, environ)
    return str(caught.value).replace(f"{directory}{os.sep}", "").split("\n")


def mistakes_if_any(directory, text="", overrides=()):
    """Return the lines of the error, none where the settings are good; nothing else may come."""
    try:
        read(directory, text, overrides)
    except ConfigError as error:
        return str(error).split("\n")
    return []
