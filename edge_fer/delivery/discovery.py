"""What Home Assistant is told so that it shows the device by itself. Pure functions, no clock.

One retained message below Home Assistant's own prefix names every entity and says in which of
our topics its state is; nothing else is published for Home Assistant alone. The form is its
device-based MQTT discovery,
https://www.home-assistant.io/integrations/mqtt/#device-discovery-payload.
docs/home-assistant.md is the page for users.
"""

import dataclasses
import hashlib
import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from edge_fer.config.settings import HomeAssistant
from edge_fer.delivery import entities
from edge_fer.delivery.entities import Entity
from edge_fer.delivery.message import Message
from edge_fer.delivery.payload import Identity

MISSED: Final = 3
"""Messages that may be missing in a row before what they say counts as unknown."""
SLACK_S: Final = 5


@dataclasses.dataclass(frozen=True, slots=True)
class Facts:
    """What the entities depend on."""

    labels: Sequence[str]
    """The model's."""
    stats_s: float
    """Seconds between two messages on stats."""
    aggregate_s: float | None = None
    """Seconds of an interval with `privacy.mode = "aggregate"`; None with single faces."""
    thermometer: bool = False
    """The device tells its temperature."""


@dataclasses.dataclass(frozen=True, slots=True)
class Announcement:
    """The message, and the topic on which Home Assistant says that it wants to hear it again."""

    message: Message
    birth_topic: str


def announce(settings: HomeAssistant, identity: Identity, facts: Facts) -> Announcement | None:
    """What to say, by ``homeassistant.discovery``; None where that is off."""
    if settings.discovery == "off":
        return None
    text = b"" if settings.discovery == "remove" else _config(identity, facts)
    topic = f"{settings.prefix}/device/{unique_id(identity)}/config"
    message = Message(topic, text, 1, True, "application/json")
    return Announcement(message, f"{settings.prefix}/status")


def unique_id(identity: Identity) -> str:
    """The device's name in Home Assistant's registry: letters, digits, '-' and '_' alone."""
    name = f"{identity.prefix}-{identity.device}"
    plain = re.sub(r"[^A-Za-z0-9_-]", "_", name)
    if plain == name:
        return plain
    # a.b and a_b are two devices.
    return f"{plain}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def _config(identity: Identity, facts: Facts) -> bytes:
    me = unique_id(identity)
    config = {
        "device": {
            "identifiers": [me],
            "name": identity.device,
            "manufacturer": "edge-fer",
            "model": identity.model_name,
            "sw_version": identity.version,
        },
        "origin": {"name": "edge-fer", "sw_version": identity.version},
        "availability": [_alive(identity)],
        "components": {
            **{
                key: {"unique_id": f"{me}_{key}", **entity}
                for key, entity in _entities(identity, facts).items()
            },
            **_gone(facts),
        },
    }
    return json.dumps(config, separators=(",", ":")).encode()


def _entities(identity: Identity, facts: Facts) -> Mapping[str, Entity]:
    base = f"{identity.prefix}/{identity.device}"
    enabled = {
        "topic": f"{base}/enabled", "payload_available": "ON", "payload_not_available": "OFF",
    }  # fmt: skip
    # A closed camera sees nobody, which is not the same as nobody being there.
    watching = {"availability": [_alive(identity), enabled], "availability_mode": "all"}
    if facts.aggregate_s is None:
        # Published on a change, so a long silence is nothing to worry about.
        seen = entities.of_state(facts.labels)
        where: dict[str, Any] = {"state_topic": f"{base}/state", **watching}
    else:
        seen = entities.of_aggregate(facts.labels)
        where = {
            "state_topic": f"{base}/aggregate", **watching, **_expiry(facts.aggregate_s),
        }  # fmt: skip
    stats = {"state_topic": f"{base}/stats", **_expiry(facts.stats_s)}
    numbers = entities.of_stats(thermometer=facts.thermometer)
    switched = {"state_topic": f"{base}/enabled", "command_topic": f"{base}/enabled/set"}
    return {
        **{key: {**entity, **where} for key, entity in seen.items()},
        "camera": {**entities.switch(), **switched},
        **{key: {**entity, **stats} for key, entity in numbers.items()},
        "model": {**entities.model(identity.model_name), "state_topic": f"{base}/status"},
    }


def _gone(facts: Facts) -> Mapping[str, Entity]:
    """Those of the other privacy.mode, which a platform without anything else takes away."""
    of_other = entities.of_state if facts.aggregate_s is not None else entities.of_aggregate
    others = of_other(facts.labels)
    return {key: {"platform": entity["platform"]} for key, entity in others.items()}


def _alive(identity: Identity) -> Entity:
    # Home Assistant would take "stopped", which is neither of its two words, for no news.
    return {
        "topic": f"{identity.prefix}/{identity.device}/status",
        "value_template": "{{ 'online' if value_json.state == 'online' else 'offline' }}",
    }


def _expiry(interval_s: float) -> Entity:
    return {"expire_after": math.ceil(MISSED * interval_s) + SLACK_S}
