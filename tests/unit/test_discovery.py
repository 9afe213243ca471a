"""The discovery message for Home Assistant. `make home-assistant` tests with a real one."""

import json
import queue
import subprocess
from pathlib import Path
from typing import Any

import pytest

from edge_fer.config.broker_url import parse_broker
from edge_fer.config.settings import HomeAssistant, Mqtt
from edge_fer.daemon.load_shedding import temperature
from edge_fer.mqtt.connection import subscribe
from edge_fer.mqtt.data_inventory import NUMBERS
from edge_fer.mqtt.homeassistant import Announcement, Facts, announce, unique_id
from edge_fer.mqtt.messages import Identity
from edge_fer.mqtt.publisher import Publisher
from tests.support.mqtt import ME
from tests.support.wait import DEADLINE_S

FACES = Facts(("angry", "happy", "smirk"), stats_s=10)
CROWD = Facts(("angry", "happy", "smirk"), stats_s=10, aggregate_s=60)
TOPIC = "homeassistant/device/edge-fer-porch/config"


def announced(facts: Facts = FACES, discovery: Any = "on") -> Announcement:
    made = announce(HomeAssistant(discovery=discovery), ME, facts)
    assert made is not None
    return made


def config(facts: Facts = FACES) -> Any:
    return json.loads(announced(facts).message.payload)


def test_nothing_is_said_unless_asked_for() -> None:
    assert None is announce(HomeAssistant(), ME, FACES)


def test_one_retained_message_below_their_prefix_names_device_and_origin() -> None:
    message = announced().message
    assert (TOPIC, 1, True) == (message.topic, message.qos, message.retain)
    device = config()["device"]
    assert ("porch", "small", "1.2.3") == (device["name"], device["model"], device["sw_version"])
    assert {"name": "edge-fer", "sw_version": "1.2.3"} == config()["origin"]


def test_removal_is_an_empty_retained_message_on_the_same_topic() -> None:
    message = announced(discovery="remove").message
    assert (TOPIC, b"", True) == (message.topic, message.payload, message.retain)


def test_emotion_may_be_any_label_of_the_model_uncertain_or_none() -> None:
    emotion = config()["components"]["emotion"]
    assert ["angry", "happy", "smirk", "uncertain", "none"] == emotion["options"]
    assert "state_class" not in emotion


def test_all_entities_have_a_name_of_their_own_and_a_topic_of_ours() -> None:
    for facts in (FACES, CROWD):
        here = [entity for entity in config(facts)["components"].values() if len(entity) > 1]
        assert len(here) == len({entity["unique_id"] for entity in here})
        topics = {entity["state_topic"] for entity in here}
        seen = {"aggregate"} if facts.aggregate_s else {"state"}
        names = seen | {"enabled", "stats", "status"}
        assert {f"edge-fer/porch/{name}" for name in names} == topics


def test_with_aggregates_nothing_of_a_face_is_left_and_the_other_way_round() -> None:
    faces, crowd = config(FACES)["components"], config(CROWD)["components"]
    assert faces.keys() == crowd.keys()
    for key in ("emotion", "confidence", "faces", "presence"):
        assert {"platform": faces[key]["platform"]} == crowd[key]
    for key in ("most_frequent", "people", "share_happy", "share_smirk", "share_uncertain"):
        assert {"platform": crowd[key]["platform"]} == faces[key]


def test_only_what_comes_regularly_expires() -> None:
    expiring = {
        key for key, entity in config(CROWD)["components"].items() if "expire_after" in entity
    }
    assert {"people", "fps", "queue"} <= expiring
    assert not [
        entity
        for entity in config()["components"].values()
        if entity.get("state_topic", "").endswith("/state") and "expire_after" in entity
    ]
    assert 35 == config()["components"]["fps"]["expire_after"]


def test_a_closed_camera_leaves_no_word_about_faces() -> None:
    parts = config()["components"]
    topics = [item["topic"] for item in parts["presence"]["availability"]]
    assert ["edge-fer/porch/status", "edge-fer/porch/enabled"] == topics
    assert "all" == parts["presence"]["availability_mode"]
    assert "availability" not in parts["camera"]


def test_numbers_are_read_that_the_daemon_tells() -> None:
    parts = config(Facts(("happy",), 10, thermometer=True))["components"].values()
    templates = [
        part["value_template"] for part in parts if part.get("state_topic", "").endswith("/stats")
    ]
    read = {word.rstrip(",)") for text in templates for word in text.split() if "json." in word}
    assert 9 == len(read)
    assert {name.removeprefix("value_json.") for name in read} <= NUMBERS.keys()


def test_a_thermometer_is_shown_only_where_there_is_one(tmp_path: Any) -> None:
    assert "temperature" not in config()["components"]
    assert {} == temperature(tmp_path)
    zone = tmp_path / "sys/class/thermal/thermal_zone0"
    zone.mkdir(parents=True)
    (zone / "type").write_text("cpu-thermal\n")
    (zone / "temp").write_text("48312\n")
    assert {"temperature_c": 48.3} == temperature(tmp_path)


@pytest.mark.parametrize(
    ("prefix", "device"), [("edge-fer", "a.b"), ("edge-fer", "a_b"), ("home/fer", "a"), ("ü", "a")]
)
def test_ids_are_of_letters_that_home_assistant_takes(prefix: str, device: str) -> None:
    found = unique_id(Identity(prefix, device, "cam0", "s", "1", "m", "ab"))
    assert "" == found.strip("abcdefghijklmnopqrstuvwxyz0123456789_-")


def test_two_devices_never_have_the_same_id() -> None:
    names = ("a.b", "a_b", "a-b")
    ids = {unique_id(Identity("p", name, "cam0", "s", "1", "m", "ab")) for name in names}
    assert len(names) == len(ids)


def publisher(broker: Any) -> Publisher:
    settings = Mqtt(brokers=[broker.url])
    return Publisher(settings, ME, lambda _: None, announcement=announced())


def birth(broker: Any, text: str, *options: str) -> None:
    arguments = ["-p", str(broker.port), "-t", "homeassistant/status", "-m", text, *options]
    subprocess.run(["mosquitto_pub", *arguments], check=True)


def test_it_is_said_again_when_home_assistant_comes_up(broker: Any) -> None:
    with subscribe(parse_broker(broker.url), [TOPIC]) as inbox:
        with publisher(broker):
            said = inbox.get(timeout=DEADLINE_S)
            for options in ((), ("-r",)):
                birth(broker, "offline")
                birth(broker, "online", *options)
                assert said.payload == inbox.get(timeout=DEADLINE_S).payload
        with publisher(broker):
            inbox.get(timeout=DEADLINE_S)
            # The retained birth that comes with the subscription is an old one.
            with pytest.raises(queue.Empty):
                inbox.get(timeout=0.5)


def test_the_access_list_for_a_name_with_a_dot_is_what_the_page_says():
    page = (Path(__file__).parents[2] / "docs" / "guides" / "security.md").read_text()
    me = unique_id(Identity("edge-fer", "porch.lan", "cam0", "s", "1", "m", "ab"))
    assert f"    topic write homeassistant/device/{me}/config\n" in page
