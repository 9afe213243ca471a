"""What Home Assistant shows of a device, entity by entity. Pure functions, no clock.

`discovery` says where the messages are that each entity reads, and puts it all together. The
templates are Jinja, run by Home Assistant over one message (``value_json``); a value of
None is "unknown" there.

What Home Assistant is told so that it shows the device by itself. Pure functions, no clock.

One retained message below Home Assistant's own prefix names every entity and says in which of
our topics its state is; nothing else is published for Home Assistant alone. The form is its
device-based MQTT discovery,
https://www.home-assistant.io/integrations/mqtt/#device-discovery-payload.
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
from edge_fer.mqtt.message import Message
from edge_fer.mqtt.messages import Identity
from edge_fer.mqtt.schema import EMOTIONS

Entity = dict[str, Any]

NONE: Final = "none"
"""The emotion where no face is in view."""
WITHHELD: Final = "withheld"
"""The most frequent emotion of an interval with too few people to tell."""
UNCERTAIN: Final = EMOTIONS[-1]

# The largest face is the one nearest to the camera; its height depends less on the head's turn
# than its width.
_FACE = "(value_json.faces | sort(attribute='box.height') | last)"
_FIRST = "(value_json.shares.items() | sort(attribute='1') | last)[0]"
_DROPS = ("dropped_full", "dropped_bytes", "dropped_expired", "dropped_damaged")


def of_state(labels: Sequence[str]) -> Mapping[str, Entity]:
    """Who is in view, and the largest face."""
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


def of_aggregate(labels: Sequence[str]) -> Mapping[str, Entity]:
    """The last interval's people, as far as they may be told."""
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


def of_stats(*, thermometer: bool) -> Mapping[str, Entity]:
    """Diagnostics; a number that is not there is unknown."""
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


def model(name: str) -> Entity:
    """Which network judges; its name is in this template, not in a message."""
    return {
        "platform": "sensor",
        "name": "Model",
        "icon": "mdi:brain",
        "entity_category": "diagnostic",
        "value_template": f"{{{{ {json.dumps(name)} }}}}",
    }


def switch() -> Entity:
    """Off closes the camera."""
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
        "topic": f"{base}/enabled",
        "payload_available": "ON",
        "payload_not_available": "OFF",
    }
    # A closed camera sees nobody, which is not the same as nobody being there.
    watching = {"availability": [_alive(identity), enabled], "availability_mode": "all"}
    if facts.aggregate_s is None:
        # Published on a change, so a long silence is nothing to worry about.
        seen = of_state(facts.labels)
        where: dict[str, Any] = {"state_topic": f"{base}/state", **watching}
    else:
        seen = of_aggregate(facts.labels)
        where = {
            "state_topic": f"{base}/aggregate",
            **watching,
            **_expiry(facts.aggregate_s),
        }
    stats = {"state_topic": f"{base}/stats", **_expiry(facts.stats_s)}
    numbers = of_stats(thermometer=facts.thermometer)
    switched = {"state_topic": f"{base}/enabled", "command_topic": f"{base}/enabled/set"}
    return {
        **{key: {**entity, **where} for key, entity in seen.items()},
        "camera": {**switch(), **switched},
        **{key: {**entity, **stats} for key, entity in numbers.items()},
        "model": {**model(identity.model_name), "state_topic": f"{base}/status"},
    }


def _gone(facts: Facts) -> Mapping[str, Entity]:
    """Those of the other privacy.mode, which a platform without anything else takes away."""
    of_other = of_state if facts.aggregate_s is not None else of_aggregate
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
