"""The numbers of stats as a file for Prometheus' node_exporter, on the device itself."""

import logging
from collections.abc import Mapping
from pathlib import Path

from edge_fer.mqtt.log_once import LogOnce

logger = logging.getLogger(__name__)


def render(numbers: Mapping[str, float], device: str) -> str:
    """In the exposition format: ``edge_fer_fps{device="porch"} 14.98``; names in their order.

    Without types, since some of the numbers only grow and others do not.
    """
    lines = (
        f'# TYPE edge_fer_{name} untyped\nedge_fer_{name}{{device="{device}"}} {number}\n'
        for name, number in numbers.items()
    )
    return "".join(lines)


class Textfile:
    """Writes the file anew each time, so that a reader finds a whole one; never raises."""

    def __init__(self) -> None:
        self._faults = LogOnce(logger)

    def write(self, path: str, numbers: Mapping[str, float], device: str) -> None:
        """Put the numbers there, readable by all; the first failure is a warning."""
        target = Path(path)
        # node_exporter reads what ends in .prom alone.
        draft = target.with_name(f".{target.name}.new")
        try:
            draft.write_text(render(numbers, device), encoding="utf-8")
            draft.chmod(0o644)
            draft.replace(target)
        except OSError as error:
            reason = error.strerror or error
            self._faults.warn(f"stats.textfile = {path}: not written: {reason}", kind="write")
        else:
            self._faults.reset()
