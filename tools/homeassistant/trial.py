"""The trial itself: what is done to daemon and Home Assistant, and what must be seen of it."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable
from typing import Any

from paho.mqtt import publish

from edge_fer.config.settings import HomeAssistant
from edge_fer.emotion.card import FER2013_LABELS, LABELS, UNCERTAIN
from edge_fer.mqtt import publisher
from edge_fer.mqtt.aggregate import Summary
from edge_fer.mqtt.homeassistant import Announcement, Facts, announce
from edge_fer.mqtt.messages import Identity, Message
from edge_fer.types import Box, Presence
from tools.daemon import Daemon
from tools.homeassistant.house import House

PATIENCE_S = 150.0
VOID = ("", "unknown", "unavailable")
EMOTIONS = (*LABELS, UNCERTAIN)
REFUSED = "Specifying `options` is not allowed together with"
"""What Home Assistant says to `BAD`."""
BAD = {
    "platform": "sensor",
    "unique_id": "bad",
    "name": "Bad",
    "state_topic": "bad",
    "device_class": "enum",
    "options": ["a"],
    "state_class": "measurement",
}
BENCH = Identity("edge-fer", "bench", "cam0", "9f3a61c2", "1.2.3", "small", "ab" * 32)
NEAR, FAR = Box(0, 0, 200, 200), Box(300, 0, 60, 60)

Row = dict[str, str | int | float]


class TrialError(Exception):
    """Something was not as it must be."""


class Trial:
    """Its methods are the steps, in their order; each adds rows of what was seen."""

    def __init__(self, house: House, daemon: Daemon, port: int) -> None:
        self.rows: list[Row] = []
        self._house, self._daemon, self._port = house, daemon, port

    def all_entities(self) -> None:
        """Everything announced is there and has a value."""
        ids = [
            "sensor.porch_emotion",
            "sensor.porch_confidence",
            "sensor.porch_faces",
            "binary_sensor.porch_presence",
            "switch.porch_camera",
            "binary_sensor.porch_camera_lost",
            "sensor.porch_frame_rate",
            "sensor.porch_time_per_frame_p95",
            "sensor.porch_events_waiting",
            "sensor.porch_events_dropped",
            "sensor.porch_model",
        ]
        self._until(lambda: self._state("sensor.porch_emotion") in EMOTIONS, "an emotion")
        for entity in ids:
            self._until(lambda name=entity: self._state(name) not in VOID, f"a value of {entity}")
        states = self._house.states()
        for entity in ids:
            state = states[entity]["state"]
            told = f"a number of {unit}" if (unit := _unit(states[entity])) else state
            self._see(f"`{entity}` of the daemon on the clip", told)
        own = sum(entity.split(".")[1].startswith("porch_") for entity in states)
        self._must("entities in all", own, len(ids))

    def switch(self) -> None:
        """The switch closes the camera, and opens it again."""
        films = self._daemon.films
        self._until(films, "the clip open")
        self._call("turn_off")
        self._until(lambda: not films(), "the clip closed")
        self._until(lambda: self._state("switch.porch_camera") == "off", "off")
        self._see("switched off in Home Assistant", "the daemon closes the clip, `enabled` OFF")
        for entity in ("sensor.porch_emotion", "binary_sensor.porch_presence"):
            self._until(lambda name=entity: self._state(name) == "unavailable", "unavailable")
            self._see(f"`{entity}` meanwhile", "unavailable")
        self._call("turn_on")
        self._until(films, "the clip open")
        self._until(lambda: self._state("sensor.porch_emotion") in EMOTIONS, "an emotion")
        self._see("switched on", "the clip is open, an emotion is shown")

    def killed(self) -> None:
        """A daemon that dies is unavailable, and one that comes back is not."""
        self._daemon.end(signal.SIGKILL)
        self._until(lambda: self._availability("porch_") == {"unavailable"}, "unavailable")
        self._see("kill -9", "all entities unavailable")
        self._daemon.start("homeassistant.discovery=on")
        self._until(lambda: self._state("sensor.porch_emotion") in EMOTIONS, "an emotion")
        self._see("started again", "an emotion is shown")

    def stopped(self) -> None:
        """A clean end is one, too."""
        self._daemon.end()
        self._until(lambda: self._availability("porch_") == {"unavailable"}, "unavailable")
        self._see("SIGTERM (status `stopped`)", "all entities unavailable")

    def bench(self) -> None:
        """A device with a thermometer and two faces, and an entity that is no good."""
        announced = self._announce(Facts(FER2013_LABELS, 10, thermometer=True))
        config = json.loads(announced.message.payload)
        config["components"]["bad"] = BAD
        self._say(publisher.status_message(BENCH, "online"), publisher.enabled_message(BENCH, True))
        self._publish(announced.message.topic, json.dumps(config), retain=True)
        self._until(lambda: REFUSED in self._house.log(), "the bad entity refused")
        line = next(line for line in self._house.log().splitlines() if REFUSED in line)
        self._see(
            "enum with a state_class",
            f"refused: {line.partition('Error ')[2].partition(' when')[0]}",
        )
        self._until(lambda: self._state("sensor.bench_emotion") == "unknown", "the others taken")
        if "sensor.bench_bad" in self._house.states():
            raise TrialError("the bad entity is there")
        self._see("the other entities of the same message", "taken")
        faces = [Presence("a", "happy", 0.913, FAR), Presence("b", "sad", 0.5, NEAR)]
        numbers = {"temperature_c": 48.2, "dropped_full": 3, "dropped_expired": 4, "fps": 14.9}
        self._say(
            publisher.state_message(BENCH, faces, (640, 480), 0),
            publisher.stats_message(BENCH, numbers, 0),
        )
        for entity, expected in {
            "sensor.bench_emotion": "sad",
            "sensor.bench_confidence": "50.0",
            "sensor.bench_faces": "2",
            "binary_sensor.bench_presence": "on",
            "sensor.bench_temperature": "48.2",
            "sensor.bench_events_dropped": "7",
            "sensor.bench_events_waiting": "unknown",
        }.items():
            self._shows(entity, expected)
        self._say(publisher.state_message(BENCH, [], (640, 480), 0))
        self._shows("sensor.bench_emotion", "none")
        self._shows("sensor.bench_confidence", "unknown")
        self._shows("binary_sensor.bench_presence", "off")

    def aggregate(self) -> None:
        """The same device with `privacy.mode = "aggregate"`: other entities, none of a face."""
        announced = self._announce(Facts(FER2013_LABELS, 10, 60, thermometer=True))
        self._say(announced.message)
        self._until(lambda: "sensor.bench_emotion" not in self._house.states(), "those of faces go")
        self._see("the same device, privacy.mode = aggregate", "no entity about a face is left")
        # It subscribes for the new entities some time after the message that announces them.
        told = publisher.aggregate_message(
            BENCH, Summary(0, 60, 5, {"happy": 0.75, "sad": 0.25}), 1
        )
        most = "sensor.bench_most_frequent_emotion"
        self._until(lambda: self._say(told) or self._state(most) == "happy", f"{most} happy")
        self._see(f"`{most}`", "happy")
        self._shows("sensor.bench_people_at_least", "5")
        self._shows("sensor.bench_share_of_happy", "75.0")
        self._shows("sensor.bench_share_of_angry", "0.0")
        self._say(publisher.aggregate_message(BENCH, Summary(0, 60, None, None), 2))
        self._shows("sensor.bench_most_frequent_emotion", "withheld")
        self._shows("sensor.bench_people_at_least", "unknown")
        self._shows("sensor.bench_share_of_happy", "unknown")

    def birth(self) -> None:
        """What the broker has lost is said again when Home Assistant comes up."""
        self._daemon.start("homeassistant.discovery=on")
        self._until(lambda: self._state("sensor.porch_emotion") in EMOTIONS, "an emotion")
        self._house.stop()
        self._registry()
        self._publish("homeassistant/device/edge-fer-porch/config", "", retain=True)
        self._house.start()
        self._until(lambda: self._state("sensor.porch_emotion") in EMOTIONS, "said again")
        self._see("restarted, the broker had lost the message", "said again, an emotion is shown")

    def crowd(self) -> None:
        """The daemon itself, told to speak of nobody alone."""
        self._daemon.end()
        mode = ("privacy.mode=aggregate", "privacy.interval_s=2")
        self._daemon.start("homeassistant.discovery=on", *mode)
        self._shows("sensor.porch_most_frequent_emotion", "withheld")
        self._until(lambda: "sensor.porch_emotion" not in self._house.states(), "those of faces go")
        self._see("the daemon with privacy.mode = aggregate", "no entity about a face is left")

    def removal(self) -> None:
        """`remove` takes everything away."""
        self._daemon.end()
        self._daemon.start("homeassistant.discovery=remove")
        self._until(lambda: not self._availability("porch_"), "gone")
        self._see("homeassistant.discovery = remove", "device and entities are gone")

    def quiet(self) -> None:
        """It had nothing to complain of but the one bad entity."""
        mqtt = [line for line in self._house.log().splitlines() if "components.mqtt" in line]
        wrong = [line for line in mqtt if " WARNING " in line or " ERROR " in line]
        self._must(
            "other warnings of its MQTT", [line for line in wrong if REFUSED not in line], []
        )

    def _registry(self) -> None:
        devices = self._house.stored("core.device_registry")["devices"]
        found = next(device for device in devices if device["name"] == "porch")
        said = f"{found['manufacturer']}, {found['model']}, {found['sw_version']}"
        self._see("device registry", said)
        entities = self._house.stored("core.entity_registry")["entities"]
        own = [entity for entity in entities if entity["device_id"] == found["id"]]
        diagnostic = sum(entity["entity_category"] == "diagnostic" for entity in own)
        self._see("entity registry", f"{len(own)} entities, {diagnostic} of them diagnostic")
        (emotion,) = (entity for entity in own if entity["entity_id"] == "sensor.porch_emotion")
        self._see("options of emotion", ", ".join(emotion["capabilities"]["options"]))

    def _announce(self, facts: Facts) -> Announcement:
        announced = announce(HomeAssistant(discovery="on"), BENCH, facts)
        assert announced is not None
        return announced

    def _say(self, *messages: Message) -> bool:
        """Publish them; False, for it shows nothing yet."""
        for message in messages:
            self._publish(message.topic, message.payload, retain=message.retain)
        return False

    def _publish(self, topic: str, content: bytes | str, *, retain: bool) -> None:
        publish.single(topic, content, 1, retain, "127.0.0.1", self._port)

    def _call(self, service: str) -> None:
        self._house.post(f"services/switch/{service}", {"entity_id": "switch.porch_camera"})

    def _state(self, entity: str) -> str:
        return str(self._house.states().get(entity, {}).get("state", ""))

    def _availability(self, prefix: str) -> set[str]:
        states = self._house.states()
        own = (state for name, state in states.items() if name.split(".")[1].startswith(prefix))
        return {state["state"] for state in own}

    def _shows(self, entity: str, expected: str) -> None:
        self._until(lambda: self._state(entity) == expected, f"{entity} {expected}")
        self._see(f"`{entity}`", expected)

    def _until(self, reached: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not reached():
            if time.monotonic() > deadline:
                raise TrialError(f"never {what}")
            time.sleep(0.2)

    def _must(self, what: str, found: Any, expected: Any) -> None:
        if found != expected:
            raise TrialError(f"{what}: {found!r}, must be {expected!r}")
        self._see(what, str(found))

    def _see(self, what: str, seen: str) -> None:
        print(f"{what}: {seen}", flush=True)
        self.rows.append({"what": what, "seen": seen})


def _unit(state: dict[str, Any]) -> str:
    return str(state["attributes"].get("unit_of_measurement", ""))
