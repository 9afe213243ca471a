"""Measure everything that `edge-fer bench` prints, on the pipeline that `edge-fer run` uses.

The order matters: the camera's pace comes first, since memory and the first event are those of
a process that has just started.
"""

import dataclasses
import time
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
from msgspec.structs import replace

from edge_fer import __version__
from edge_fer.bench.broker_latency import TimedConnection, find_broker, measure_acks
from edge_fer.bench.device import (
    Conditions,
    conditions,
    context_switches,
    device_facts,
    memory_mb,
)
from edge_fer.bench.models import check_models, compare_models, compare_precision
from edge_fer.bench.naive import compare_with_naive
from edge_fer.bench.playback import WARM_UP, PacedRun, Samples, play_fast, play_paced
from edge_fer.bench.results_file import SCHEMA
from edge_fer.bench.stability import MachineUse, unsteady_reasons
from edge_fer.build import build_classifier, build_naive, build_pipeline
from edge_fer.cameras import Camera, open_camera
from edge_fer.config.settings import Settings
from edge_fer.emotion.classify import Classifier
from edge_fer.errors import BrokerError
from edge_fer.pipeline import STAGES, Pipeline

PERCENTILES = (50, 95, 99)

SECTIONS = ("camera", "vision", "quality", "tracking", "model", "smoothing")
"""Sections of the settings that figures depend on."""


@dataclasses.dataclass(frozen=True, slots=True)
class BenchOptions:
    """The options of a measurement."""

    frames: int = 300
    broker: str = ""
    """URL of the broker; empty for the first of mqtt.brokers that answers."""
    models: Sequence[str] = ()
    """Names or paths of other models to compare with."""
    naive: bool = False
    """Compare with a detector on every whole frame."""


def bench(settings: Settings, options: BenchOptions) -> dict[str, Any]:
    """Measure and return all figures, ready for JSON; None where not measured.

    Raises:
        EdgeFerError: a setting, a model or the camera is at fault, or `options.broker` does not
            answer.
    """
    check_models(options.models)
    broker = find_broker(settings.mqtt, [options.broker]) if options.broker else None
    run = _Run(settings, options.frames)
    figures = run.measure()
    if broker is None:
        try:
            broker = find_broker(settings.mqtt, settings.mqtt.brokers)
        except BrokerError as error:
            figures |= {"ack": None, "ack_missing": str(error)}
    if broker is not None:
        link = TimedConnection(settings, run.classifier.card, *broker)
        figures["ack"] = measure_acks(run.pipeline, run.camera("real"), link, options.frames)
        figures["ack_missing"] = None if figures["ack"] else "no event was made"
    figures["precision"] = compare_precision(run.classifier, threads=settings.model.threads)
    if options.models:
        figures["compare"] = compare_models(
            settings, run.classifier, options.models, run.camera("fast"), options.frames
        )
    if options.naive:
        ours, naive = (build(settings, run.classifier) for build in (build_pipeline, build_naive))
        found = compare_with_naive(ours, naive, run.camera("fast"), options.frames)
        figures["against"] = dataclasses.asdict(found)
    return figures


class _Run:
    """One pipeline, played at both speeds."""

    def __init__(self, settings: Settings, frames: int) -> None:
        self._settings, self._frames = settings, frames
        self._before, self._began, self._spent = conditions(), time.monotonic(), time.process_time()
        self._switches = context_switches()
        self.classifier: Classifier = build_classifier(settings)
        self.pipeline: Pipeline = build_pipeline(settings, self.classifier)

    def camera(self, pace: str) -> Camera:
        """Return the camera of the settings; a file plays at that pace."""
        return open_camera(replace(self._settings.camera, pace=pace))

    def measure(self) -> dict[str, Any]:
        """Return the figures of this pipeline alone."""
        camera = self.camera("real")
        paced = play_paced(self.pipeline, camera, self._frames)
        self.pipeline.finish(0.0)
        rss_mb, peak_mb = memory_mb()
        rounds = [paced.samples.without_first(WARM_UP)]
        if not camera.live:
            rounds = play_fast(self.pipeline, self.camera("fast"), self._frames)
        after = conditions()
        use = self._machine_use(rounds, after)
        wall, cpu = (
            [s for one in rounds for s in getattr(one, side)["frame"]] for side in ("wall", "cpu")
        )
        return {
            "schema": SCHEMA,
            "edge_fer": __version__,
            **self._subject(camera, paced),
            "frames": len(wall),
            "stages": {name: _row(rounds, name) for name in (*STAGES, "frame")},
            "fps": round(len(wall) / sum(wall), 2),
            "pace": _pace(paced),
            "rss_mb": rss_mb,
            "peak_mb": peak_mb,
            "first_event": _first_event(paced),
            "frame_ms": [round(1000 * seconds, 3) for seconds in wall],
            "frame_cpu_ms": [round(1000 * seconds, 3) for seconds in cpu],
            "unsteady": unsteady_reasons(use),
            "conditions": _conditions(use),
        }

    def _subject(self, camera: Camera, paced: PacedRun) -> dict[str, Any]:
        """Return what was measured, on which device, with which settings."""
        settings = msgspec.to_builtins(self._settings)
        # The settings may hold a password; the camera's own name does not.
        settings["camera"]["source"] = camera.source
        return {
            "model": self.classifier.card.name,
            "model_sha256": self.classifier.card.sha256,
            "size": self.classifier.size,
            "source": camera.source,
            "live": camera.live,
            "frame_size": list(paced.size),
            "device": device_facts(),
            "settings": {name: settings[name] for name in SECTIONS},
        }

    def _machine_use(self, rounds: Sequence[Samples], after: Conditions) -> MachineUse:
        totals = [(sum(one.wall["frame"]), sum(one.cpu["frame"])) for one in rounds]
        wall_s, cpu_s = map(sum, zip(*totals, strict=True))
        drift = mhz = None
        if len(rounds) > 1:
            first, second = rounds[0], rounds[1]
            same = min(len(first), len(second))
            drift = sum(second.wall["frame"][:same]) / sum(first.wall["frame"][:same])
            if first.mhz is not None and second.mhz is not None:
                mhz = first.mhz, second.mhz
        return MachineUse(
            before=self._before,
            after=after,
            seconds=time.monotonic() - self._began,
            own_cpu_s=time.process_time() - self._spent,
            cores=device_facts()["cores"],
            switches=context_switches() - self._switches,
            wall_to_cpu=wall_s / cpu_s if cpu_s else None,
            drift=drift,
            mhz=mhz,
        )


def _row(rounds: Sequence[Samples], name: str) -> dict[str, float]:
    """Return percentiles and mean of one stage over all rounds, in ms."""
    row: dict[str, float] = {}
    for prefix, side in (("", "wall"), ("cpu_", "cpu")):
        seconds = [s for one in rounds for s in getattr(one, side)[name]]
        row |= {
            f"{prefix}p{percent}_ms": round(1000 * float(np.percentile(seconds, percent)), 3)
            for percent in PERCENTILES
        }
        row[f"{prefix}mean_ms"] = round(1000 * float(np.mean(seconds)), 3)
    return row


def _pace(paced: PacedRun) -> dict[str, Any] | None:
    """Return the figures at the camera's pace; None for a single picture, which has no pace."""
    if paced.fps is None:
        return None
    frames = len(paced.times)
    video_s = frames / paced.fps
    elapsed_s = max(paced.seconds, video_s)
    return {
        "frames": frames,
        "seconds": round(elapsed_s, 3),
        "source_fps": round(paced.fps, 2),
        "fps": round(frames / elapsed_s, 2),
        "keeps_up": paced.keeps_up,
        "lag_p95_ms": round(1000 * float(np.percentile(paced.lags, 95)), 2),
        "core_share": round(paced.cpu_s / elapsed_s, 4),
        "cpu_s_per_min": round(60 * paced.cpu_s / video_s, 3),
        "pipeline_cpu_s_per_min": round(60 * sum(paced.samples.cpu["frame"]) / video_s, 3),
    }


def _first_event(paced: PacedRun) -> dict[str, float | None] | None:
    if paced.event_s is None:
        return None
    age = paced.event_age_s
    return {
        "from_start_s": None if age is None else round(age, 2),
        "from_first_frame_s": round(paced.event_s, 3),
    }


def _conditions(use: MachineUse) -> dict[str, Any]:
    """Return the values on which `unsteady_reasons` decides."""
    figures = {
        "others_cores": use.others_cores,
        "steal_share": use.steal_share,
        "switches_per_cpu_s": use.switches_per_s,
        "wall_to_cpu": use.wall_to_cpu,
        "second_round_to_first": use.drift,
    }
    return {
        "before": dataclasses.asdict(use.before),
        "after": dataclasses.asdict(use.after),
        "seconds": round(use.seconds, 2),
        "mhz": use.mhz,
        **{name: None if value is None else round(value, 4) for name, value in figures.items()},
    }
