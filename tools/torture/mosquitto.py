"""The broker that is tortured too, and a subscriber that notes what comes."""

import contextlib
import json
import random
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from tools.ports import free_port

TOPIC = "edge-fer/torture/event"
"""Where all who are tortured publish."""
WEATHER = ("fair", "still", "stopped", "away", "back", "killed")
"""What the broker does in a round: nothing; SIGSTOP at some moment; a stop; it is not there; it
comes after a while; SIGKILL, and it is started again at once."""


class Broker:
    """A mosquitto that keeps what it acknowledged over its own restarts."""

    def __init__(self, folder: Path, address: str = "127.0.0.1") -> None:
        self.port = free_port()
        self.url = f"mqtt://{address}:{self.port}"
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        config = [
            f"listener {self.port}",
            "allow_anonymous true",
            "user root",
            "persistence true",
            f"persistence_location {folder}/",
            "max_queued_messages 0",
            "autosave_on_changes true",
            "autosave_interval 1",
        ]
        (folder / "mosquitto.conf").write_text("\n".join(config) + "\n")

    def start(self) -> None:
        """Wait until it takes connections."""
        program = shutil.which("mosquitto") or "/usr/sbin/mosquitto"
        command = [program, "-c", str(self._folder / "mosquitto.conf")]
        with self._lock:
            self._process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
            while self._process.poll() is None:
                with contextlib.suppress(OSError):
                    socket.create_connection(("127.0.0.1", self.port), 1).close()
                    return
                time.sleep(0.01)
        raise RuntimeError("mosquitto does not start")

    def send(self, number: int) -> None:
        """Signal it."""
        if self._process:
            self._process.send_signal(number)

    def stop(self, number: int = signal.SIGTERM) -> None:
        """End it; on SIGTERM it saves what it has."""
        with self._lock:
            if self._process:
                self._process.send_signal(number)
                self._process.wait()
                self._process = None

    def kill_and_start(self) -> None:
        """SIGKILL, and a new one in its place."""
        self.stop(signal.SIGKILL)
        self.start()

    @contextlib.contextmanager
    def weather(self, kind: str, within_s: float, dice: random.Random) -> Iterator[None]:
        """What happens to it while somebody publishes."""
        if kind in ("away", "back"):
            self.stop()
        deeds = {
            "still": lambda: self.send(signal.SIGSTOP),
            "stopped": self.stop,
            "back": self.start,
            "killed": self.kill_and_start,
        }
        timer = threading.Timer(dice.uniform(0, within_s), deeds.get(kind, lambda: None))
        timer.start()
        try:
            yield
        finally:
            timer.join()
            if kind == "still":
                self.send(signal.SIGCONT)
            elif kind in ("stopped", "away"):
                self.start()


class Witness:
    """A subscriber whose session the broker keeps; notes each event in the order of arrival."""

    def __init__(self, port: int) -> None:
        self.seen: dict[str, list[int]] = {}
        self.repeats = 0
        self._lock = threading.Lock()
        self._client = paho.Client(CallbackAPIVersion.VERSION2, "witness", clean_session=False)
        self._client.reconnect_delay_set(0.1, 0.2)  # type: ignore[arg-type]
        self._client.on_connect = lambda client, *_: client.subscribe(TOPIC, 1)
        self._client.on_message = self._note
        subscribed = threading.Event()
        self._client.on_subscribe = lambda *_: subscribed.set()
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        assert subscribed.wait(10)

    def names(self) -> set[str]:
        """Ids of all events that came."""
        with self._lock:
            return {f"{name}-{seq}" for name, seqs in self.seen.items() for seq in seqs}

    def lacks(self, wanted: set[str], patience_s: float = 10.0) -> set[str]:
        """Those of ``wanted`` that do not come within that time."""
        deadline = time.monotonic() + patience_s
        while (lacking := wanted - self.names()) and time.monotonic() < deadline:
            time.sleep(0.1)
        return lacking

    def out_of_order(self) -> int:
        """Sessions in which an event first came after a later one."""
        with self._lock:
            return sum(seqs != sorted(seqs) for seqs in self.seen.values())

    def close(self) -> None:
        """Hang up."""
        self._client.disconnect()
        self._client.loop_stop()

    def _note(self, _client: Any, _userdata: Any, message: paho.MQTTMessage) -> None:
        event = json.loads(message.payload)
        with self._lock:
            seqs = self.seen.setdefault(event["session"], [])
            # An event that came before is among the last ones, if at all.
            if event["seq"] in seqs:
                self.repeats += 1
            else:
                seqs.append(event["seq"])
