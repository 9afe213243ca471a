"""What a service is made of; a reload makes a new set out of the old one."""

import dataclasses
import logging
from collections.abc import Callable

from edge_fer.cameras import Camera
from edge_fer.config.settings import Settings
from edge_fer.daemon.load_shedding import Pace
from edge_fer.daemon.reporting import Teller
from edge_fer.daemon.stats import Stats
from edge_fer.daemon.watchdog import Watch
from edge_fer.emotion.card import Card
from edge_fer.errors import EdgeFerError
from edge_fer.mqtt.publisher import Publisher
from edge_fer.pipeline import Pipeline

log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, eq=False, slots=True)
class Parts:
    """A part that a reload has not changed is the same object as before."""

    settings: Settings
    card: Card
    """Of the model that runs."""
    camera: Camera
    pipeline: Pipeline
    publisher: Publisher
    teller: Teller
    pace: Pace
    """What `Pressure` sets and the pipeline's search obeys."""

    def one_camera_with(self, other: "Parts") -> bool:
        """The camera may stay open from one to the other."""
        return self.camera is other.camera and self.publisher is other.publisher


def reload(
    before: Parts, rebuild: Callable[[Parts], Parts] | None, stats: Stats, watch: Watch
) -> Parts:
    """The new parts, or those from before where the new ones are no good: one line says why.

    The status says it too, until a reload is taken.
    """
    try:
        after = rebuild(before) if rebuild else before
    except EdgeFerError as error:
        stats.counts["reloads_refused"] += 1
        reason = "; ".join(str(error).splitlines())
        log.error("reload refused, the configuration from before goes on: %s", reason)
        watch.note("reload", f"reload refused: {str(error).partition(chr(10))[0]}")
        return before
    watch.note("reload", "")
    stats.counts["reloads"] += 1
    names = ("camera", "pipeline", "publisher")
    new = [name for name in names if getattr(after, name) is not getattr(before, name)]
    log.info("reloaded; new: %s", ", ".join(new) or "nothing")
    return after
