"""Messages to and from a real broker."""

import json
import logging
import os
import queue
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from edge_fer.config.broker_url import Broker, parse_broker
from edge_fer.errors import BrokerError, ConfigError
from edge_fer.mqtt.client import MqttClient
from edge_fer.mqtt.connection import RETRY_MAX_S, RETRY_MIN_S, backoff_s, probe
from edge_fer.types import Box, Presence
from tests.support.mqtt import FACE, ME, SIZE, command, listening, publisher, send, status, warnings
from tests.support.wait import DEADLINE_S, wait_until


def write_password(folder: Path, password: str) -> str:
    path = folder / "secret"
    path.write_text(password)
    path.chmod(0o600)
    return str(path)


def test_late_listeners_get_status_state_and_enabled(broker: Any) -> None:
    with publisher(broker.url) as out:
        out.publish_enabled(True)
        out.publish_state([FACE], SIZE, 0)
        wait_until(lambda: out.connected, "connected")
        with listening(broker, "+") as inbox:
            got = [inbox.get(timeout=DEADLINE_S) for _ in range(6)]
    by_name = {message.topic.rpartition("/")[2]: message for message in got}
    assert all(message.retain for message in got)
    assert "online" == json.loads(by_name["status"].payload)["state"]
    assert "t1" == json.loads(by_name["state"].payload)["faces"][0]["track"]
    assert b"ON" == by_name["enabled"].payload
    flat = [by_name[name].payload for name in ("emotion", "faces", "presence")]
    assert [b"happy", b"1", b"ON"] == flat


def test_a_clean_end_says_stopped_and_nothing_after_it(broker: Any) -> None:
    with listening(broker, "status") as inbox:
        with publisher(broker.url) as out:
            wait_until(lambda: out.connected, "connected")
        assert ["online", "stopped"] == [status(inbox), status(inbox)]
        with listening(broker, "status") as late:
            assert "stopped" == status(late)
        assert inbox.empty()


def test_when_the_process_is_killed_the_broker_says_offline(broker: Any) -> None:
    code = (
        "import sys, time; from tests.support import mqtt\n"
        f"with mqtt.publisher({broker.url!r}): time.sleep(60)"
    )
    root = Path(__file__).parents[2]
    with listening(broker, "status") as inbox:
        process = subprocess.Popen([sys.executable, "-c", code], cwd=root)
        try:
            assert "online" == status(inbox)
        finally:
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
        last = json.loads(inbox.get(timeout=DEADLINE_S).payload)
    model = {"name": ME.model_name, "sha256": ME.model_sha256}
    assert {
        "state": "offline",
        "session": ME.session,
        "version": ME.version,
        "model": model,
    } == last


def test_state_is_published_when_it_changed_and_only_then(broker: Any) -> None:
    with listening(broker, "state") as inbox, publisher(broker.url) as out:
        wait_until(lambda: out.connected, "connected")
        for number in range(20):
            moved = Presence("t1", "happy", number / 20, Box(number, 0, 9, 9))
            out.publish_state([moved], SIZE, number)
        out.publish_state([], SIZE, 21)
        faces = [json.loads(inbox.get(timeout=DEADLINE_S).payload)["faces"] for _ in range(2)]
    assert [1, 0] == [len(shown) for shown in faces]
    assert inbox.empty()


def test_stats_are_sent_now_or_counted_as_skipped(broker: Any) -> None:
    with listening(broker, "stats") as inbox:
        out = publisher(broker.url)
        out.publish_stats({"frames": 1}, 0)
        with out:
            wait_until(lambda: out.connected, "connected")
            out.publish_stats({"frames": 2}, 0)
            got = inbox.get(timeout=DEADLINE_S)
    assert (2, False) == (json.loads(got.payload)["frames"], got.retain)
    assert 1 == out.counters()["stats_skipped"]


def test_commands_call_back_and_bad_ones_are_counted(
    broker: Any, caplog: pytest.LogCaptureFixture
) -> None:
    asked: queue.SimpleQueue[bool] = queue.SimpleQueue()
    command(broker, "ON", "-r")
    with publisher(broker.url, on_enabled=asked.put) as out:
        wait_until(lambda: out.counters()["commands_refused"], "got the retained command")
        for payload in ("maybe", "on", "OFF", "ON"):
            command(broker, payload)
        assert [False, True] == [asked.get(timeout=DEADLINE_S) for _ in range(2)]
    assert 3 == out.counters()["commands_refused"]
    assert 1 == len(warnings(caplog))
    assert warnings(caplog)[0].startswith("command enabled refused: must not be retained")


def test_a_command_that_fails_does_not_end_delivery(
    broker: Any, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_: bool) -> None:
        raise RuntimeError("camera on fire")

    with publisher(broker.url, on_enabled=fail) as out:
        wait_until(lambda: out.connected, "connected")
        command(broker, "OFF")
        wait_until(lambda: caplog.records and "camera on fire" in caplog.text, "logged")
        send(out, 1)
    assert 0 == out.undelivered


def test_a_wrong_password_is_told_once_and_tried_again(
    locked_broker: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    wrong = write_password(tmp_path, "battery staple")
    line = f"{locked_broker.url}: refused: bad user name or password; check mqtt.password_file"
    with publisher(locked_broker.url, password_file=wrong, drain_s=0) as out:
        wait_until(lambda: caplog.messages.count(line) > 1, "tried again")
        assert not out.connected
    assert [line] == warnings(caplog)
    assert "battery staple" not in caplog.text + repr(out) + repr(vars(out))


def test_the_right_password_opens(locked_broker: Any, tmp_path: Path) -> None:
    right = write_password(tmp_path, "correct horse\n")
    with publisher(locked_broker.url, password_file=right) as out:
        send(out, 1)
    assert 0 == out.undelivered


def test_a_password_wants_a_user_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"must come with a user name in mqtt\.brokers"):
        publisher("mqtt://host", password_file=write_password(tmp_path, "s3cret"))


def test_a_password_without_a_user_name_is_told_with_the_path_of_the_credential(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    secret = Path(write_password(tmp_path, "s3cret")).rename(tmp_path / "mqtt-password")
    with pytest.raises(ConfigError, match=f"^mqtt.password_file = {secret}: must come with"):
        publisher("mqtt://host")


def test_a_probe_is_quiet_where_the_broker_lets_us_in(broker: Any) -> None:
    probe(parse_broker(broker.url))


def test_a_probe_tells_a_wrong_password(locked_broker: Any) -> None:
    with pytest.raises(BrokerError) as caught:
        probe(parse_broker(locked_broker.url), "battery staple")
    end = "refused: bad user name or password; check mqtt.password_file"
    assert f"{locked_broker.url}: {end}" == str(caught.value)
    with pytest.raises(BrokerError, match="refused: it requires a user name and password; w"):
        probe(Broker(locked_broker.host, locked_broker.port))


def test_a_probe_tells_where_nobody_answers(free_port: int) -> None:
    with pytest.raises(BrokerError) as caught:
        probe(Broker("127.0.0.1", free_port))
    refused = f"mqtt://127.0.0.1:{free_port}: cannot be reached: connection refused"
    assert refused == str(caught.value)


def test_a_probe_does_not_wait_for_what_is_no_broker() -> None:
    complaint = pytest.raises(BrokerError, match=r"no answer within 0\.2 s; is it an MQTT broker\?")
    with socket.create_server(("127.0.0.1", 0)) as server, complaint:
        probe(Broker("127.0.0.1", server.getsockname()[1]), timeout_s=0.2)


def test_an_error_that_nobody_thought_of_does_not_end_the_tries(
    broker: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    connect, calls = MqttClient.connect, []

    def fail_once(link: MqttClient, timeout_s: float) -> None:
        calls.append(link)
        if len(calls) == 1:
            raise RuntimeError("out of threads")
        connect(link, timeout_s)

    monkeypatch.setattr(MqttClient, "connect", fail_once)
    with publisher(broker.url) as out:
        wait_until(lambda: out.connected, "connected")
    assert f"{broker.url}: the connection has failed" in caplog.messages


def test_the_pauses_grow_to_a_bound_however_long_no_broker_answers() -> None:
    for round_ in (0, 1, 5, 2000, 10**9):
        longest = max(backoff_s(round_) for _ in range(200))
        assert RETRY_MIN_S < longest <= min(RETRY_MAX_S, 2.0 ** min(round_ + 1, 9))
