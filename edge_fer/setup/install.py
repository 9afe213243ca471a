"""Write configuration and broker password, and start the service."""

import contextlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Final

from edge_fer.cameras import describe_kinds
from edge_fer.config.load import SYSTEM_FILE, load
from edge_fer.config.render import render
from edge_fer.config.settings import Settings
from edge_fer.errors import ConfigError, EdgeFerError

CREDENTIAL: Final = Path("/etc/credstore/edge-fer.mqtt-password")
"""Path from which the unit file loads the broker password (LoadCredential)."""

UNITS: Final = (Path("/etc/systemd/system"), Path("/usr/lib/systemd/system"))
SERVICE: Final = "edge-fer.service"
_START_S: Final = 150.0
"""Longer than the unit's TimeoutStartSec."""


def read_present(path: Path) -> Settings:
    """Return the settings in the file; the defaults if there is no file.

    Raises:
        ConfigError: the file contains mistakes.
    """
    return load(path, environ={}) if path.exists() else Settings()


def write_config(path: Path, settings: Settings) -> Path | None:
    """Write a commented file atomically; return the path of the backup if a file was replaced.

    Raises:
        ConfigError: the folder cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        kept = path.with_name(f"{path.name}.old") if path.exists() else None
        if kept:
            shutil.copy2(path, kept)
        _replace(path, render(settings, cameras=describe_kinds()), 0o644)
    except OSError as error:
        raise _unwritable(path, error) from error
    return kept


def password_home(config: Path) -> Path:
    """Return where to store the password: systemd's credential store, else beside the file."""
    return CREDENTIAL if config == SYSTEM_FILE else config.absolute().with_name("mqtt-password")


def write_password(path: Path, password: str) -> None:
    """Write the password to a file that only its owner can read.

    Raises:
        ConfigError: the folder cannot be written.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _replace(path, f"{password}\n", 0o600)
    except OSError as error:
        raise _unwritable(path, error) from error


def can_start() -> bool:
    """Return True if the service is installed and this user may start it."""
    running = Path("/run/systemd/system").is_dir() and os.geteuid() == 0
    return running and any((folder / SERVICE).exists() for folder in UNITS)


def start_service() -> None:
    """Start the service now and at every boot.

    Raises:
        EdgeFerError: the service does not start.
    """
    for command in (["enable", "--quiet", SERVICE], ["restart", SERVICE]):
        try:
            subprocess.run(["systemctl", *command], check=True, timeout=_START_S)
        except (OSError, subprocess.SubprocessError) as error:
            raise EdgeFerError(f"{SERVICE}: did not start; see: journalctl -u edge-fer") from error


def _replace(path: Path, content: str, mode: int) -> None:
    handle, part = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(part).chmod(mode)
        Path(part).replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            Path(part).unlink()
        raise


def _unwritable(path: Path, error: OSError) -> ConfigError:
    hint = "; as root: sudo edge-fer setup" if os.geteuid() else ""
    return ConfigError(f"{path}: must be writable ({error.strerror}){hint}")
