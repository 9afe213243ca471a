"""What the settings allow the outbox: how much, how long, and where."""

import dataclasses
import os
from collections.abc import Mapping
from pathlib import Path

from edge_fer.config.settings import Mqtt


@dataclasses.dataclass(frozen=True, slots=True)
class Bounds:
    """How much is kept, and how long."""

    rows: int
    bytes: int = 100_000_000
    """Of payload."""
    age_s: float = 604_800.0
    unacked: int = 100
    """Most rows that neither disk nor broker has, while the disk works."""
    spill_after_s: float = 2.0
    """Longest time until a row is on disk, or at the broker."""

    def exceeded(self, age_s: float, rows: int, size: int) -> str:
        """The counter for the oldest of so many rows, which has to go; empty where it may stay."""
        if age_s >= self.age_s:
            return "dropped_expired"
        if rows > self.rows:
            return "dropped_full"
        return "dropped_bytes" if size > self.bytes else ""


def bounds(settings: Mqtt) -> Bounds:
    """The bounds that the settings name."""
    return Bounds(
        rows=settings.max_queued,
        bytes=settings.max_queued_mb * 1_000_000,
        age_s=settings.expire_s,
        unacked=settings.max_unacked,
        spill_after_s=settings.spill_after_s,
    )


def outbox_folder(settings: Mqtt, environ: Mapping[str, str] = os.environ) -> Path | None:
    """Where `mqtt.outbox` says that events are kept; None for memory alone."""
    if settings.outbox == "memory":
        return None
    if settings.outbox:
        return Path(settings.outbox)
    # systemd separates several directories by colons.
    if given := environ.get("STATE_DIRECTORY", "").split(":")[0]:
        return Path(given)
    # Path.expanduser raises where this user has no home.
    home = environ.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state")  # noqa: PTH111
    return Path(home) / "edge-fer"
