"""What MQTT carries, whatever it says."""

import dataclasses


@dataclasses.dataclass(frozen=True, slots=True)
class Message:
    """One message; all but the first four fields travel in MQTT 5 alone."""

    topic: str
    payload: bytes
    qos: int
    retain: bool
    content_type: str = "text/plain"
    properties: tuple[tuple[str, str], ...] = ()
    """User properties."""
    expiry_s: int | None = None
    """Seconds from now on; None is never."""
    response_topic: str | None = None
    """Where the sender of a command wants its answer."""
    correlation: bytes | None = None
    """What the sender of a command wants to find in its answer."""
