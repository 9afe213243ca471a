"""`edge_fer.client` with a real broker."""

import re
import select
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from edge_fer.client import Aggregate, Event, State, subscribe
from edge_fer.config.settings import Mqtt
from edge_fer.errors import BrokerError, ConfigError
from edge_fer.mqtt.aggregate import Summary
from edge_fer.mqtt.messages import Message
from edge_fer.mqtt.publisher import (
    Publisher,
    aggregate_message,
    event_message,
    no_state_messages,
    state_message,
)
from tests.support.mqtt import EVENT, FACE, ME, SIZE, Cable, send, warnings
from tests.support.wait import wait_until

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "guides" / "python-client.md"
WITHOUT = """
import sys
class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("cv2", "dlib", "numpy", "onnxruntime"):
            raise ImportError(name)
sys.meta_path.insert(0, Blocker())
"""


def say(broker: Any, *messages: Message) -> None:
    for message in messages:
        arguments = ["-p", str(broker.port), "-t", message.topic, "-q", "1"]
        options = [*(["-r"] if message.retain else []), "-s" if message.payload else "-n"]
        command = ["mosquitto_pub", *arguments, *options]
        subprocess.run(command, input=message.payload, check=True)


def events(*numbers: int) -> list[Message]:
    return [event_message(ME, EVENT, SIZE, number) for number in numbers]


def test_the_documented_lines_print_what_a_device_says(broker: Any) -> None:
    found = re.search(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert found is not None
    assert 5 >= len(found[1].splitlines())
    code = WITHOUT + found[1].replace("mqtt://localhost", broker.url)
    command = [sys.executable, "-u", "-c", code]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        with Publisher(Mqtt(brokers=[broker.url]), ME, lambda _: None) as out:
            # It subscribes in its own time, so tell it until it has heard.
            while not select.select([process.stdout], [], [], 0.2)[0]:
                assert process.poll() is None
                send(out, 1)
        line = process.stdout.readline()
        process.kill()
    assert "porch: happy, 90 %\n" == line


def test_the_documented_lines_are_typed_and_a_wrong_field_is_an_error() -> None:
    pytest.importorskip("mypy")
    found = re.search(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert found is not None
    code = found[1] + "    reveal_type(event)\n    event.nonsense\n"
    code += "from edge_fer.client import Aggregate, State\n"
    code += 'reveal_type(next(subscribe("mqtt://localhost", State)).faces)\n'
    code += 'reveal_type(next(subscribe("mqtt://localhost", Aggregate)).shares)\n'
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file=", "-c", code]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout
    types = re.findall(r'Revealed type is "(.*)"', told.replace("builtins.", ""))
    schema = "edge_fer.mqtt.schema."
    assert [f"{schema}EventPayload", f"list[{schema}FacePayload]"] == types[:2]
    assert "dict[str, float]" in types[2]
    # Libraries without type information, such as dlib, are reported where the package imports them.
    (error,) = re.findall(r"^<string>:.*error: .*$", told, re.MULTILINE)
    assert '"EventPayload" has no attribute "nonsense"' in error


def test_events_come_typed_once_each_and_in_order(broker: Any) -> None:
    with subscribe(broker.url) as heard:
        say(broker, *events(1, 2, 1, 2, 3))
        found = [next(heard) for _ in range(3)]
    assert [1, 2, 3] == [event.seq for event in found]
    assert ("porch", "happy", 4) == (found[0].device, found[0].emotion, found[0].box.height)
    assert all(isinstance(event, Event) for event in found)


def test_the_last_state_comes_at_once(broker: Any) -> None:
    say(broker, state_message(ME, [FACE], SIZE, 0))
    with subscribe(broker.url, State, device="porch") as heard:
        assert ["happy"] == [face.emotion for face in next(heard).faces]


def test_a_device_that_tells_no_more_of_faces_gives_its_aggregates(broker: Any) -> None:
    with subscribe(broker.url, State) as states, subscribe(broker.url, Aggregate) as heard:
        say(broker, no_state_messages(ME)[0], state_message(ME, [FACE], SIZE, 0))
        assert 1 == len(next(states).faces)
        say(broker, aggregate_message(ME, Summary(0, 60, 5, {"happy": 1.0}), 1))
        assert {"happy": 1.0} == next(heard).shares


def test_only_the_device_that_was_asked_for_is_heard(broker: Any) -> None:
    with subscribe(broker.url, device="hall") as heard:
        first, second = events(1, 2)
        say(broker, first, Message("edge-fer/hall/event", second.payload, 1, False))
        assert 2 == next(heard).seq


def test_what_is_no_event_is_left_out_with_one_warning(
    broker: Any, caplog: pytest.LogCaptureFixture
) -> None:
    (good,) = events(1)
    wrong = Message(good.topic, good.payload.replace(b'"schema":2', b'"schema":0'), 1, False)
    with subscribe(broker.url) as heard:
        say(broker, wrong, Message(good.topic, b"\xff{", 1, False), good)
        assert 1 == next(heard).seq
    (warning,) = warnings(caplog)
    text = "unreadable message skipped: Expected `int` >= 1 - at `$.schema`"
    assert f"edge-fer/porch/event: {text}" == warning
    assert 2 == heard.unreadable


def test_a_lost_connection_is_made_again(broker: Any) -> None:
    cable = Cable(broker.port)
    with subscribe(cable.url) as heard:
        say(broker, *events(1))
        assert 1 == next(heard).seq
        cable.cut()
        cable.restore()
        # What is said before it has subscribed again is not heard, so it is said until it is.
        heard_again = threading.Event()
        speaker = threading.Thread(target=_repeat, args=(broker, events(2), heard_again))
        speaker.start()
        assert 2 == next(heard).seq
        heard_again.set()
        speaker.join()


def _repeat(broker: Any, messages: list[Message], enough: threading.Event) -> None:
    while not enough.wait(0.2):
        say(broker, *messages)


def test_nobody_holding_it_hangs_up(broker: Any) -> None:
    say(broker, state_message(ME, [FACE], SIZE, 0))
    for state in subscribe(broker.url, State):
        assert "porch" == state.device
        break
    log = broker.folder / "mosquitto.log"
    wait_until(lambda: log.read_text().count("disconnected") >= 3, "hung up")


@pytest.mark.parametrize("name", ["a/b", "+", "", "#"])
def test_a_name_that_no_device_has_is_an_error(name: str) -> None:
    with pytest.raises(ConfigError, match=r"must be a device's name, or '\*' for all"):
        subscribe("mqtt://localhost", device=name)


def test_no_broker_is_an_error_at_once(free_port: int) -> None:
    with pytest.raises(BrokerError, match=f"127.0.0.1:{free_port}"):
        subscribe(f"mqtt://127.0.0.1:{free_port}")
