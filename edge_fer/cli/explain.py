"""`edge-fer explain`: the outcome of every face in every frame and the setting that decided it."""

import argparse
from typing import TYPE_CHECKING, Any

from edge_fer.cli.common import add_camera, add_json, add_max_frames, read_settings

if TYPE_CHECKING:
    from edge_fer.config.settings import Settings
    from edge_fer.types import Report, Verdict

HELP = "show why each face did or did not become an event"
DESCRIPTION = (
    "Run the pipeline without a broker and print a line for every face in every frame: the "
    "outcome, and the setting that decided it."
)
EXAMPLES = """\
examples:
  edge-fer explain --camera file:clip.mp4 --set privacy.acknowledge_use=research
  edge-fer explain -c edge-fer.toml --max-frames 50
  edge-fer explain -c edge-fer.toml --json | jq -r .outcome | sort | uniq -c
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    add_camera(parser)
    add_max_frames(parser)
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print the outcomes of each frame until the camera ends.

    Raises:
        EdgeFerError: a setting, the model or the camera cannot be used.
    """
    from edge_fer.build import build_classifier, build_pipeline
    from edge_fer.cameras import open_camera
    from edge_fer.config.load import require_acknowledged

    settings = read_settings(arguments)
    require_acknowledged(settings)
    pipeline = build_pipeline(settings, build_classifier(settings))
    with open_camera(settings.camera) as camera:
        for frame in camera:
            report = pipeline.process(frame)
            for line in _json_lines(report) if arguments.json else _lines(report, settings):
                print(line)
            if arguments.max_frames is not None and frame.number + 1 >= arguments.max_frames:
                break
    return 0


def _lines(report: "Report", settings: "Settings") -> list[str]:
    start = f"frame {report.number} {report.time:8.3f} s"
    if report.fault:
        return [f"{start}: rejected: {report.fault}"]
    if not report.verdicts:
        width, height = report.size
        return [
            f"{start}: no face (vision.min_face_px {settings.vision.min_face_px}, "
            f"vision.threshold {settings.vision.threshold:g}, frame {width}x{height})"
        ]
    return [f"{start} {_face(verdict, settings)}" for verdict in report.verdicts]


def _face(verdict: "Verdict", settings: "Settings") -> str:
    box = verdict.box
    parts = [f"{box.width}x{box.height} px at ({box.left}, {box.top})"]
    if verdict.track:
        parts.append(f"track {verdict.track}")
    for name, scores in (("now", verdict.scores), ("ema", verdict.smooth)):
        if scores:
            label = max(scores, key=scores.__getitem__)
            parts.append(f"{name} {label} {scores[label]:.2f}")
    if verdict.quality:
        parts.append(
            f"IPD {verdict.quality.ipd_px:.0f} px, roll {verdict.quality.roll_deg:+.0f}, "
            f"turn {verdict.quality.turn:.2f}, sharpness {verdict.quality.sharpness:.2f}, "
            f"cover {verdict.quality.cover:.2f}"
        )
    if verdict.emotion:
        parts.append(f"emotion {verdict.emotion}")
    return f"{', '.join(parts)}: {verdict.outcome.name}: {_reason(verdict, settings)}"


def _reason(verdict: "Verdict", settings: "Settings") -> str:
    """Return the outcome's text, with the value of each option that it names."""
    words = []
    for word in verdict.outcome.value.split(" "):
        section, _, key = word.strip(",;").partition(".")
        value = getattr(getattr(settings, section, None), key, None) if key else None
        words.append(word if value is None else f"{word.rstrip(',;')} ({value:g}){_tail(word)}")
    return " ".join(words)


def _tail(word: str) -> str:
    return word[-1] if word[-1] in ",;" else ""


def _json_lines(report: "Report") -> list[str]:
    import msgspec

    rows: list[dict[str, Any]] = [
        {
            "frame": report.number,
            "time": report.time,
            "outcome": verdict.outcome.name,
            "reason": verdict.outcome.value,
            "track": verdict.track,
            "box": verdict.box,
            "scores": verdict.scores,
            "smooth": verdict.smooth,
            "emotion": verdict.emotion,
            "quality": verdict.quality,
        }
        for verdict in report.verdicts
    ]
    if report.fault:
        rows = [{"frame": report.number, "time": report.time, "fault": report.fault}]
    return [msgspec.json.encode(row).decode() for row in rows]
