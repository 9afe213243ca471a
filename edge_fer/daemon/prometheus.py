"""Write the statistics as a text file for the textfile collector of Prometheus' node_exporter.

The format is a dozen lines here. prometheus_client would be one more dependency on the device, and
it renames every counter to ``…_total``, while these names are those of the stats topic.
"""

import logging
from collections.abc import Mapping
from pathlib import Path

from edge_fer.mqtt.data_inventory import NUMBERS
from edge_fer.mqtt.log_once import LogOnce

GAUGES = frozenset(
    {
        "fps",
        "frame_p50_ms",
        "frame_p95_ms",
        "frame_p99_ms",
        "waiting",
        "unsaved",
        "camera_lost_s",
        "black",
        "degraded",
        "load",
        "throttled",
        "temperature_c",
        "rss_mb",
        "uptime_s",
    }
)
"""Numbers that may decrease; all others are counters, which only grow while the daemon runs."""

logger = logging.getLogger(__name__)


def render(numbers: Mapping[str, float], device: str) -> str:
    """Return the numbers in Prometheus' text format, in their order, each with HELP and TYPE.

    A sample is a line such as ``edge_fer_fps{device="porch"} 14.98``.
    """
    return "".join(
        f"# HELP edge_fer_{name} {_help(name)}\n"
        f"# TYPE edge_fer_{name} {'gauge' if name in GAUGES else 'counter'}\n"
        f'edge_fer_{name}{{device="{device}"}} {number}\n'
        for name, number in numbers.items()
    )


def _help(name: str) -> str:
    _, meaning = NUMBERS["faces_*" if name.startswith("faces_") else name]
    return meaning.replace("\\", r"\\").replace("\n", r"\n")


class Textfile:
    """Replaces the file atomically, so that a reader never finds half of it; never raises."""

    def __init__(self) -> None:
        self._log = LogOnce(logger)

    def write(self, path: str, numbers: Mapping[str, float], device: str) -> None:
        """Write the numbers to a file that everybody can read; only the first failure is logged."""
        target = Path(path)
        # node_exporter reads only files that end in .prom.
        draft = target.with_name(f".{target.name}.new")
        try:
            draft.write_text(render(numbers, device), encoding="utf-8")
            draft.chmod(0o644)
            draft.replace(target)
        except OSError as error:
            reason = error.strerror or error
            self._log.warn(f"stats.textfile = {path}: cannot be written: {reason}", kind="write")
        else:
            self._log.reset()
