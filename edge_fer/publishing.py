"""The sections of the configuration that say what leaves the device, and how.

`edge_fer.settings` holds the others and the whole.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from edge_fer.sections import Section

Use = Literal["home", "research", "medical", "safety", "public-venue", "art"]
"""What people may say they use edge-fer for. Workplace and education are left out on purpose:
the EU AI Act, article 5(1)(f), prohibits inferring emotions there."""

Mode = Literal["faces", "aggregate"]


class Privacy(Section, frozen=True):
    """What the people in front of the camera are owed."""

    acknowledge_use: Annotated[
        Use | Literal[""],
        Meta(
            description="What this is used for: home, research, medical, safety, public-venue or "
            "art. Nothing runs before it is set; docs/privacy.md says why."
        ),
    ] = ""
    mode: Annotated[
        Mode,
        Meta(
            description="faces: an event for each face, and who is in view. aggregate: nothing of "
            "single faces leaves the device, only the shares of emotions in an interval."
        ),
    ] = "faces"
    interval_s: Annotated[
        float,
        Meta(ge=1, le=3600, description="With mode aggregate, the length of an interval."),
    ] = 60.0
    min_group: Annotated[
        int,
        Meta(
            ge=3,
            le=1000,
            description="With mode aggregate, the fewest people in an interval whose shares are "
            "told; of fewer only that they were not.",
        ),
    ] = 5


class Mqtt(Section, frozen=True):
    """Where events go."""

    brokers: Annotated[
        list[str],
        Meta(
            min_length=1,
            description="mqtt[s]://[user@]host[:port] or wss://[user@]host[:port][/path], tried "
            "in turn. No password here.",
        ),
    ] = msgspec.field(default_factory=lambda: ["mqtt://localhost:1883"])
    password_file: Annotated[
        str,
        Meta(
            description="File holding the broker password alone, readable by its owner only; "
            "empty: systemd's credential mqtt-password, where there is one."
        ),
    ] = ""
    prefix: Annotated[
        str,
        Meta(
            pattern=r"^[^/#+\s]+(/[^/#+\s]+)*$",
            description="First part of every topic, without '+', '#' or blanks.",
        ),
    ] = "edge-fer"
    keepalive_s: Annotated[int, Meta(ge=5, le=3600, description="MQTT keep-alive in seconds.")] = 30
    ca_file: Annotated[
        str,
        Meta(description="PEM file of the authorities to trust for mqtts; empty: the system's."),
    ] = ""
    cert_file: Annotated[
        str, Meta(description="PEM file of our own certificate, where a broker asks for one.")
    ] = ""
    key_file: Annotated[
        str, Meta(description="PEM file of its key; empty: it is in cert_file.")
    ] = ""
    outbox: Annotated[
        str,
        Meta(
            description="Folder for events that no broker has yet; empty: $STATE_DIRECTORY, else "
            "edge-fer in the user's state folder; memory: no folder, what waits is lost at the end."
        ),
    ] = ""
    max_queued: Annotated[
        int,
        Meta(
            ge=1,
            le=1_000_000,
            description="Events kept while no broker answers; oldest go. In memory at most 10000.",
        ),
    ] = 100_000
    max_queued_mb: Annotated[
        int, Meta(ge=1, le=10_000, description="Their size in MB; oldest go.")
    ] = 100
    expire_s: Annotated[
        int,
        Meta(
            ge=1,
            le=31_536_000,
            description="Age in seconds at which an event is worth nothing any more, here and at "
            "the broker (MQTT 5); time in which the device is off does not count.",
        ),
    ] = 604_800
    spill_after_s: Annotated[
        float,
        Meta(
            ge=0.05,
            le=60,
            description="Seconds without a receipt after which an event is written to disk.",
        ),
    ] = 2.0
    max_unacked: Annotated[
        int,
        Meta(
            ge=1,
            le=10_000,
            description="Events without a receipt that are not on disk; more are written at once.",
        ),
    ] = 100
    drain_s: Annotated[
        float,
        Meta(ge=0, le=60, description="Seconds at the end to wait for the broker's receipts."),
    ] = 1.0


class Stats(Section, frozen=True):
    """Numbers about the daemon itself."""

    interval_s: Annotated[
        float, Meta(gt=0, le=3600, description="Seconds between two messages on stats.")
    ] = 10.0
    textfile: Annotated[
        str,
        Meta(
            pattern=r"^(/[^\0]*[^/\0]\.prom)?$",
            description="File /….prom for Prometheus' node_exporter, written with the same "
            "numbers as often; empty: none.",
        ),
    ] = ""


class HomeAssistant(Section, frozen=True):
    """Home Assistant finds the device by itself."""

    discovery: Annotated[
        Literal["off", "on", "remove"],
        Meta(
            description="on: a retained message below prefix, the only one outside mqtt.prefix, "
            "tells Home Assistant of the device; remove: takes it back."
        ),
    ] = "off"
    prefix: Annotated[
        str,
        Meta(
            pattern=r"^[^/#+\s]+(/[^/#+\s]+)*$",
            description="Home Assistant's own discovery prefix, as set there.",
        ),
    ] = "homeassistant"
