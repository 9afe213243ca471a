"""Announce the device to Home Assistant by MQTT discovery. Pure functions, no clock.

One retained message below Home Assistant's discovery prefix names every entity and the topic
with its state; nothing else is published for Home Assistant. It is a device discovery payload,
https://www.home-assistant.io/integrations/mqtt/#device-discovery-payload. The templates are
Jinja, which Home Assistant evaluates over one message (``value_json``); None means "unknown".
docs/guides/home-assistant.md is the page for users.
"""

import dataclasses
import hashlib
import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from edge_fer.config.settings import HomeAssistant
from edge_fer.mqtt.messages import Identity, Message
from edge_fer.mqtt.schema import EMOTIONS

Entity = dict[str, Any]

NONE: Final = "none"
"""The emotion while no face is in view."""
WITHHELD: Final = "withheld"
"""The most frequent emotion of an interval with fewer people than privacy.min_group."""
UNCERTAIN: Final = EMOTIONS[-1]

# The main face is the first one; the pipeline chooses it without jitter.
_FACE = "value_json.faces[0]"
_FIRST = "(value_json.shares.items() | sort(attribute='1') | last)[0]"
_DROPS = ("dropped_full", "dropped_bytes", "dropped_expired", "dropped_damaged")


def state_entities(labels: Sequence[str]) -> Mapping[str, Entity]:
    """Return the entities of the state topic: presence, and the main face."""
    return {
        "emotion": _enum(
            "Emotion",
            [*labels, UNCERTAIN, NONE],
            f"{_FACE}.emotion if value_json.faces else '{NONE}'",
        ),
        "confidence": {
            **_percent("Confidence", f"{_FACE}.confidence", "value_json.faces"),
            "icon": "mdi:percent-outline",
        },
        "faces": {
            **_number("Faces", "value_json.faces | length"),
            "icon": "mdi:account-multiple-outline",
        },
        "presence": {
            "platform": "binary_sensor",
            "name": "Presence",
            "device_class": "occupancy",
            "value_template": "{{ 'ON' if value_json.faces else 'OFF' }}",
        },
    }


def aggregate_entities(labels: Sequence[str]) -> Mapping[str, Entity]:
    """Return the entities of the aggregate topic: people and shares of the last interval."""
    names = list(dict.fromkeys((*labels, UNCERTAIN)))
    return {
        "most_frequent": _enum(
            "Most frequent emotion",
            [*names, WITHHELD],
            f"{_FIRST} if value_json.shares else '{WITHHELD}'",
        ),
        "people": {
            **_number("People, at least", "value_json.people"),
            "icon": "mdi:account-group-outline",
        },
        **{
            f"share_{name}": _percent(
                f"Share of {name}", f"value_json.shares.get('{name}', 0)", "value_json.shares"
            )
            for name in names
        },
    }


def stats_entities(*, thermometer: bool) -> Mapping[str, Entity]:
    """Return the diagnostic entities of the stats topic; a missing number is unknown."""
    drops = " + ".join(f"value_json.{name} | default(0)" for name in _DROPS)
    entities: dict[str, Entity] = {
        "camera_lost": {
            "platform": "binary_sensor",
            "name": "Camera lost",
            "device_class": "problem",
            "value_template": "{{ 'ON' if value_json.camera_lost_s | default(0) > 0 else 'OFF' }}",
        },
        "fps": {**_given("Frame rate", "fps"), "unit_of_measurement": "fps"},
        "latency": {
            **_given("Time per frame (p95)", "frame_p95_ms"),
            "unit_of_measurement": "ms",
            "device_class": "duration",
        },
        "queue": _given("Events waiting", "waiting"),
        "drops": {**_number("Events dropped", drops), "state_class": "total_increasing"},
    }
    if thermometer:
        entities["temperature"] = {
            **_given("Temperature", "temperature_c"),
            "unit_of_measurement": "°C",
            "device_class": "temperature",
        }
    return {key: {**entity, "entity_category": "diagnostic"} for key, entity in entities.items()}


def model_entity(name: str) -> Entity:
    """Return the entity with the model's name, which is in its template, not in a message."""
    return {
        "platform": "sensor",
        "name": "Model",
        "icon": "mdi:brain",
        "entity_category": "diagnostic",
        "value_template": f"{{{{ {json.dumps(name)} }}}}",
    }


def camera_switch() -> Entity:
    """Return the switch that closes the camera when off."""
    return {
        "platform": "switch",
        "name": "Camera",
        "icon": "mdi:camera-outline",
        "payload_on": "ON",
        "payload_off": "OFF",
    }


def _enum(name: str, options: Sequence[str], value: str) -> Entity:
    return {
        "platform": "sensor",
        "name": name,
        "icon": "mdi:emoticon-outline",
        "device_class": "enum",
        "options": list(dict.fromkeys(options)),
        "value_template": f"{{{{ {value} }}}}",
    }


def _percent(name: str, value: str, given: str) -> Entity:
    return {
        **_number(name, f"({value} * 100) | round(1) if {given} else None"),
        "unit_of_measurement": "%",
        "suggested_display_precision": 0,
    }


def _given(name: str, key: str) -> Entity:
    return _number(name, f"value_json.{key} | default(None)")


def _number(name: str, value: str) -> Entity:
    return {
        "platform": "sensor",
        "name": name,
        "state_class": "measurement",
        "value_template": f"{{{{ {value} }}}}",
    }


MISSED: Final = 3
"""Missing messages in a row after which an entity becomes unknown."""
SLACK_S: Final = 5


@dataclasses.dataclass(frozen=True, slots=True)
class Facts:
    """The facts about a device that its entities depend on."""

    labels: Sequence[str]
    """Labels of the model."""
    stats_s: float
    """Seconds between two stats messages."""
    aggregate_s: float | None = None
    """Interval in seconds with `privacy.mode = "aggregate"`; None with `faces`."""
    thermometer: bool = False
    """True if the device has a temperature sensor."""


@dataclasses.dataclass(frozen=True, slots=True)
class Announcement:
    """The discovery message, and the topic of Home Assistant's birth message."""

    message: Message
    birth_topic: str


def announce(settings: HomeAssistant, identity: Identity, facts: Facts) -> Announcement | None:
    """Return the announcement by ``homeassistant.discovery``; None if that is off."""
    if settings.discovery == "off":
        return None
    text = b"" if settings.discovery == "remove" else _config(identity, facts)
    topic = f"{settings.prefix}/device/{unique_id(identity)}/config"
    message = Message(topic, text, 1, True, "application/json")
    return Announcement(message, f"{settings.prefix}/status")


def unique_id(identity: Identity) -> str:
    """Return the device's id in Home Assistant's registry: letters, digits, '-' and '_' only."""
    name = f"{identity.prefix}-{identity.device}"
    plain = re.sub(r"[^A-Za-z0-9_-]", "_", name)
    if plain == name:
        return plain
    # a.b and a_b are different devices.
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
        "availability": [_availability(identity)],
        "components": {
            **{
                key: {"unique_id": f"{me}_{key}", **entity}
                for key, entity in _entities(identity, facts).items()
            },
            **_removed(facts),
        },
    }
    return json.dumps(config, separators=(",", ":")).encode()


def _entities(identity: Identity, facts: Facts) -> Mapping[str, Entity]:
    base = f"{identity.prefix}/{identity.device}"
    enabled = {
        "topic": f"{base}/enabled",
        "payload_available": "ON",
        "payload_not_available": "OFF",
    }
    # A closed camera does not mean that nobody is there.
    watching = {"availability": [_availability(identity), enabled], "availability_mode": "all"}
    if facts.aggregate_s is None:
        # Published on a change only, so it never expires.
        seen = state_entities(facts.labels)
        where: dict[str, Any] = {"state_topic": f"{base}/state", **watching}
    else:
        seen = aggregate_entities(facts.labels)
        where = {
            "state_topic": f"{base}/aggregate",
            **watching,
            **_expiry(facts.aggregate_s),
        }
    stats = {"state_topic": f"{base}/stats", **_expiry(facts.stats_s)}
    numbers = stats_entities(thermometer=facts.thermometer)
    switched = {"state_topic": f"{base}/enabled", "command_topic": f"{base}/enabled/set"}
    return {
        **{key: {**entity, **where} for key, entity in seen.items()},
        "camera": {**camera_switch(), **switched},
        **{key: {**entity, **stats} for key, entity in numbers.items()},
        "model": {**model_entity(identity.model_name), "state_topic": f"{base}/status"},
    }


def _removed(facts: Facts) -> Mapping[str, Entity]:
    """Return the entities of the other privacy.mode, as bare platforms, which remove them."""
    build = state_entities if facts.aggregate_s is not None else aggregate_entities
    others = build(facts.labels)
    return {key: {"platform": entity["platform"]} for key, entity in others.items()}


def _availability(identity: Identity) -> Entity:
    # Home Assistant ignores "stopped", which is neither of its two payloads.
    return {
        "topic": f"{identity.prefix}/{identity.device}/status",
        "value_template": "{{ 'online' if value_json.state == 'online' else 'offline' }}",
    }


def _expiry(interval_s: float) -> Entity:
    return {"expire_after": math.ceil(MISSED * interval_s) + SLACK_S}
