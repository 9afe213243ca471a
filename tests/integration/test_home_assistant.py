"""A real Home Assistant shows and switches the real daemon."""

import json
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from paho.mqtt import publish

from edge_fer.config.settings import HomeAssistant
from edge_fer.emotion.card import FER2013_LABELS, LABELS, UNCERTAIN
from edge_fer.mqtt import publisher
from edge_fer.mqtt.aggregate import Summary
from edge_fer.mqtt.homeassistant import Announcement, Facts, announce
from edge_fer.mqtt.messages import Identity, Message
from edge_fer.types import Box, Presence
from tests.integration.ha_instance import VERSION, Instance, install
from tests.support.broker import Mosquitto, running
from tests.support.daemon import Daemon
from tests.support.long_runs import Record
from tests.support.wait import wait_until

pytestmark = pytest.mark.integration

PATIENCE_S = 150.0
NO_VALUE = ("", "unknown", "unavailable")
EMOTIONS = (*LABELS, UNCERTAIN)
EMOTION = "sensor.porch_emotion"
ENTITIES = (
    EMOTION,
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
)
REFUSED = "Specifying `options` is not allowed together with"
"""What Home Assistant logs about `INVALID`."""
INVALID = {
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


class Trial:
    """Home Assistant, its broker, and the daemon as device porch; ``seen`` is for the record."""

    def __init__(self, instance: Instance, broker: Mosquitto, clip: Path) -> None:
        self.instance = instance
        self.seen: list[dict[str, object]] = []
        self.done = 0
        self._broker, self._clip = broker, clip
        self.daemon: Daemon | None = None

    def start(self, **settings: object) -> Daemon:
        chosen = {"homeassistant.discovery": "on", "device.name": "porch", **settings}
        self.daemon = Daemon.start(self._broker.url, f"loop:{self._clip}", chosen)
        return self.daemon

    def shows_emotion(self, after: str) -> None:
        self.until(lambda: self.state(EMOTION) in EMOTIONS, "an emotion")
        self.see(after, "an emotion is shown")

    def state(self, entity: str) -> str:
        return str(self.instance.states().get(entity, {}).get("state", ""))

    def states_of_porch(self) -> set[str]:
        states = self.instance.states()
        return {states[name]["state"] for name in states if name.split(".")[1].startswith("porch_")}

    def shows(self, entity: str, expected: str) -> None:
        self.until(lambda: self.state(entity) == expected, f"{entity} {expected}")
        self.see(f"`{entity}`", expected)

    def is_gone(self, entity: str) -> None:
        self.until(lambda: entity not in self.instance.states(), f"{entity} removed")

    def until(self, reached: Any, what: str) -> None:
        wait_until(reached, what, PATIENCE_S, 0.2)

    def see(self, what: str, seen: str) -> None:
        self.seen.append({"what": what, "seen": seen})

    def send(self, *told: Message) -> bool:
        """Publish messages; return False, for `until`."""
        for message in told:
            self.publish(message.topic, message.payload, retain=message.retain)
        return False

    def publish(self, topic: str, content: bytes | str, *, retain: bool) -> None:
        publish.single(topic, content, 1, retain, self._broker.host, self._broker.port)

    def switch(self, service: str) -> None:
        self.instance.post(f"services/switch/{service}", {"entity_id": "switch.porch_camera"})


def announced(facts: Facts) -> Announcement:
    found = announce(HomeAssistant(discovery="on"), BENCH, facts)
    assert found is not None
    return found


@pytest.fixture(scope="module")
def _trial(
    tmp_path_factory: pytest.TempPathFactory, carphone: Path, landmarks: Path, record: Record
) -> Iterator[Trial]:
    install()
    folder = tmp_path_factory.mktemp("home-assistant")
    with (
        running(Mosquitto(folder / "broker")) as broker,
        Instance(folder / "instance", broker.port) as instance,
    ):
        trial = Trial(instance, broker, carphone)
        yield trial
    if trial.done == sum(name.startswith("test_") for name in vars(sys.modules[__name__])):
        record("home-assistant", f"all of it, on Home Assistant {VERSION}", trial.seen)


@pytest.fixture
def trial(_trial: Trial, request: pytest.FixtureRequest) -> Iterator[Trial]:
    failed = request.session.testsfailed
    yield _trial
    if _trial.daemon is not None:
        _trial.daemon.kill()
    _trial.done += request.session.testsfailed == failed


def test_every_announced_entity_has_a_value(trial: Trial) -> None:
    trial.start()
    trial.until(lambda: trial.state(EMOTION) in EMOTIONS, "an emotion")
    for entity in ENTITIES:
        trial.until(lambda name=entity: trial.state(name) not in NO_VALUE, f"a value of {entity}")
        state = trial.instance.states()[entity]
        unit = str(state["attributes"].get("unit_of_measurement", ""))
        trial.see(f"`{entity}` of the daemon", f"a number of {unit}" if unit else state["state"])
    every = [name for name in trial.instance.states() if name.split(".")[1].startswith("porch_")]
    assert sorted(ENTITIES) == sorted(every)


def test_the_switch_closes_the_camera_and_opens_it_again(trial: Trial, carphone: Path) -> None:
    daemon = trial.start()
    trial.until(lambda: daemon.has_open(carphone), "the clip open")
    trial.until(lambda: trial.state("switch.porch_camera") == "on", "on")
    trial.switch("turn_off")
    trial.until(lambda: not daemon.has_open(carphone), "the clip closed")
    trial.until(lambda: trial.state("switch.porch_camera") == "off", "off")
    trial.see("switched off in Home Assistant", "the daemon closes the clip, `enabled` OFF")
    for entity in (EMOTION, "binary_sensor.porch_presence"):
        trial.shows(entity, "unavailable")
    trial.switch("turn_on")
    trial.until(lambda: daemon.has_open(carphone), "the clip open")
    trial.shows_emotion("switched on")


def test_a_daemon_that_is_killed_is_unavailable(trial: Trial) -> None:
    check_end(trial, signal.SIGKILL)


def test_a_daemon_that_stops_is_unavailable(trial: Trial) -> None:
    check_end(trial, signal.SIGTERM)


def check_end(trial: Trial, number: signal.Signals) -> None:
    daemon = trial.start()
    trial.shows_emotion("started")
    daemon.send(number)
    daemon.process.wait()
    trial.until(lambda: trial.states_of_porch() == {"unavailable"}, "unavailable")
    trial.see(number.name, "all entities unavailable")


def test_an_invalid_entity_does_not_harm_the_others(trial: Trial) -> None:
    found = announced(Facts(FER2013_LABELS, 10, thermometer=True))
    config = json.loads(found.message.payload)
    config["components"]["bad"] = INVALID
    trial.send(publisher.status_message(BENCH, "online"), publisher.enabled_message(BENCH, True))
    trial.publish(found.message.topic, json.dumps(config), retain=True)
    trial.until(lambda: REFUSED in trial.instance.log(), "the invalid entity refused")
    trial.until(lambda: trial.state("sensor.bench_emotion") == "unknown", "the others accepted")
    assert "sensor.bench_bad" not in trial.instance.states()
    trial.see("an enum with a state_class", "refused; the other entities are accepted")
    faces = [Presence("a", "happy", 0.913, FAR), Presence("b", "sad", 0.5, NEAR)]
    numbers = {"temperature_c": 48.2, "dropped_full": 3, "dropped_expired": 4, "fps": 14.9}
    trial.send(
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
        trial.shows(entity, expected)
    trial.send(publisher.state_message(BENCH, [], (640, 480), 0))
    trial.shows("sensor.bench_emotion", "none")
    trial.shows("sensor.bench_confidence", "unknown")
    trial.shows("binary_sensor.bench_presence", "off")


def test_mode_aggregate_has_other_entities_and_none_of_a_face(trial: Trial) -> None:
    trial.send(publisher.status_message(BENCH, "online"), publisher.enabled_message(BENCH, True))
    trial.send(announced(Facts(FER2013_LABELS, 10, thermometer=True)).message)
    trial.until(lambda: "sensor.bench_emotion" in trial.instance.states(), "entities of faces")
    trial.send(announced(Facts(FER2013_LABELS, 10, 60, thermometer=True)).message)
    trial.is_gone("sensor.bench_emotion")
    trial.see("the same device, privacy.mode = aggregate", "no entity of a face is left")
    shares = Summary(0, 60, 5, {"happy": 0.75, "sad": 0.25})
    told = publisher.aggregate_message(BENCH, shares, 1)
    most = "sensor.bench_most_frequent_emotion"
    # Home Assistant subscribes some time after the message that announces the entities.
    trial.until(lambda: trial.send(told) or trial.state(most) == "happy", f"{most} happy")
    trial.see(f"`{most}`", "happy")
    trial.shows("sensor.bench_people_at_least", "5")
    trial.shows("sensor.bench_share_of_happy", "75.0")
    trial.shows("sensor.bench_share_of_angry", "0.0")
    trial.send(publisher.aggregate_message(BENCH, Summary(0, 60, None, None), 2))
    trial.shows(most, "withheld")
    trial.shows("sensor.bench_people_at_least", "unknown")
    trial.shows("sensor.bench_share_of_happy", "unknown")


def test_the_device_announces_itself_again_when_home_assistant_restarts(trial: Trial) -> None:
    trial.start()
    trial.until(lambda: trial.state(EMOTION) in EMOTIONS, "an emotion")
    trial.instance.stop()
    see_registries(trial)
    # As if the broker had lost the retained message.
    trial.publish("homeassistant/device/edge-fer-porch/config", "", retain=True)
    trial.instance.start()
    trial.shows_emotion("restarted, the broker had lost the discovery message")


def see_registries(trial: Trial) -> None:
    devices = trial.instance.stored("core.device_registry")["devices"]
    (porch,) = (device for device in devices if device["name"] == "porch")
    trial.see("device", f"{porch['manufacturer']}, {porch['model']}, {porch['sw_version']}")
    entities = trial.instance.stored("core.entity_registry")["entities"]
    own = [entity for entity in entities if entity["device_id"] == porch["id"]]
    assert len(ENTITIES) == len(own)
    diagnostic = sum(entity["entity_category"] == "diagnostic" for entity in own)
    trial.see("entities", f"{len(own)}, {diagnostic} of them diagnostic")
    (emotion,) = (entity for entity in own if entity["entity_id"] == EMOTION)
    trial.see("options of emotion", ", ".join(emotion["capabilities"]["options"]))


def test_a_daemon_with_mode_aggregate_shows_no_entity_of_a_face(trial: Trial) -> None:
    trial.start(**{"privacy.mode": "aggregate", "privacy.interval_s": 2})
    trial.shows("sensor.porch_most_frequent_emotion", "withheld")
    trial.is_gone(EMOTION)
    trial.see("the daemon with privacy.mode = aggregate", "no entity of a face is left")


def test_remove_takes_device_and_entities_away(trial: Trial) -> None:
    trial.start(**{"homeassistant.discovery": "remove"})
    trial.until(lambda: not trial.states_of_porch(), "gone")
    trial.see("homeassistant.discovery = remove", "device and entities are gone")


def test_home_assistant_logs_nothing_else(trial: Trial) -> None:
    mqtt = [line for line in trial.instance.log().splitlines() if "components.mqtt" in line]
    wrong = [line for line in mqtt if " WARNING " in line or " ERROR " in line]
    assert [] == [line for line in wrong if REFUSED not in line]
