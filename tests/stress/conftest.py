"""What the stress tests share: a stage, a broker that keeps its messages, and a subscriber."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.stress import stage as stages
from tests.stress.publisher_process import TOPIC
from tests.support.broker import Mosquitto, running
from tests.support.subscriber import Subscriber, subscribed


@pytest.fixture(scope="session")
def stage(
    tmp_path_factory: pytest.TempPathFactory, short_landmarks: Path, portrait: NDArray[np.uint8]
) -> Path:
    """Return the folder of `stages.build`."""
    return stages.build(portrait, short_landmarks, tmp_path_factory.mktemp("stage"))


@pytest.fixture
def persistent_broker(tmp_path: Path) -> Iterator[Mosquitto]:
    """Run a broker that keeps its messages over a restart."""
    with running(Mosquitto(tmp_path / "broker", persistent=True)) as broker:
        yield broker


@pytest.fixture
def subscriber(persistent_broker: Mosquitto) -> Iterator[Subscriber]:
    """Subscribe to the events of the device under test, in a session that the broker keeps."""
    with subscribed(persistent_broker.port, TOPIC) as subscriber:
        yield subscriber
