"""The way of an event from publish to PUBACK: no more than four files of the package."""

import sys
import threading
import time
from collections import Counter
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from tests.support.mqtt import EVENT, SIZE, publisher
from tests.support.outbox import durable
from tests.support.wait import DEADLINE_S, wait_until

PACKAGE = str(Path(__file__).parents[2] / "edge_fer") + "/"
MAX_FILES = 4
SETTLE_S = 0.3
"""How long threads may still do something after the acknowledgement."""


class Tracer:
    """Counts the calls into the files of the package, on every thread started after `start`."""

    def __init__(self) -> None:
        self.recording = False
        self.calls: Counter[str] = Counter()

    def start(self) -> None:
        threading.setprofile(self)
        sys.setprofile(self)

    def stop(self) -> None:
        threading.setprofile(None)  # type: ignore[arg-type]
        sys.setprofile(None)

    def __call__(self, frame: FrameType, event: str, _argument: Any) -> None:
        name = frame.f_code.co_filename
        if self.recording and event == "call" and name.startswith(PACKAGE):
            self.calls[name.removeprefix(PACKAGE)] += 1


@pytest.mark.parametrize("outbox", ["memory", "disk"])
def test_an_event_passes_four_files_from_publish_to_puback(
    outbox: str, broker: Any, tmp_path: Path
) -> None:
    tracer = Tracer()
    tracer.start()
    try:
        out = publisher(broker.url) if outbox == "memory" else durable(broker.url, tmp_path)
        with out:
            wait_until(lambda: out.connected, "connected")
            # Connecting publishes the status, and the writer opens its file.
            time.sleep(SETTLE_S)
            tracer.recording = True
            out.publish_event(EVENT, SIZE)
            acknowledged = out._sender._outbox.wait_empty(DEADLINE_S)
            time.sleep(SETTLE_S)
            tracer.recording = False
            assert acknowledged
            assert (1, 0) == tuple(out.counters()[name] for name in ("acked", "stored"))
    finally:
        tracer.stop()
    listed = "".join(f"  {file}: {calls}\n" for file, calls in tracer.calls.most_common())
    sys.stdout.write(f"\n{outbox}: {tracer.calls.total()} calls in these files\n{listed}")
    assert {"mqtt/publisher.py", "mqtt/outbox.py", "mqtt/client.py"} < tracer.calls.keys()
    assert MAX_FILES >= len(tracer.calls), tracer.calls
