"""The MQTT message, the identity that a device publishes under, and the client id.

`publisher` builds the messages of each topic; the types of their payloads are in `schema`.
"""

import dataclasses


@dataclasses.dataclass(frozen=True, slots=True)
class Message:
    """One MQTT message; all but the first four fields need MQTT 5."""

    topic: str
    payload: bytes
    qos: int
    retain: bool
    content_type: str = "text/plain"
    properties: tuple[tuple[str, str], ...] = ()
    """User properties."""
    expiry_s: int | None = None
    """Seconds until the message expires; None means never."""
    response_topic: str | None = None
    """Topic on which the sender of a command expects the response."""
    correlation: bytes | None = None
    """Correlation data that the sender of a command expects back in the response."""


@dataclasses.dataclass(frozen=True, slots=True)
class Identity:
    """The sender of every message of a process."""

    prefix: str
    device: str
    camera: str
    session: str
    """Random, short, hex; new at each start."""
    version: str
    model_name: str
    model_sha256: str


def client_id(prefix: str, device: str) -> str:
    """Return the MQTT client id of a device; its files have the same name.

    It is the same at each start. The broker therefore closes a half-open connection of the
    previous run, and publishes that run's last will before the new `online`, not minutes later.
    """
    return f"{prefix}-{device}".replace("/", "-")
