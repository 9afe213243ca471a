"""What Home Assistant shows of a device, entity by entity. Pure functions, no clock.

`discovery` says where the messages are that each entity reads, and puts it all together. The
templates are Jinja, run by Home Assistant over one message (``value_json``); a value of
None is "unknown" there.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from edge_fer.delivery.wire import EMOTIONS

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
            "Emotion", [*labels, UNCERTAIN, NONE],
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
    }  # fmt: skip


def of_aggregate(labels: Sequence[str]) -> Mapping[str, Entity]:
    """The last interval's people, as far as they may be told."""
    names = list(dict.fromkeys((*labels, UNCERTAIN)))
    return {
        "most_frequent": _enum(
            "Most frequent emotion", [*names, WITHHELD],
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
    }  # fmt: skip


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
