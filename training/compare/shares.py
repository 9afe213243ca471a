"""Count the daemon's emotions on stills and clips: ``python -m training.compare.shares``.

Runs the daemon's own pipeline with each shipped INT8 model over the files of ``MEDIA`` that are
in the folder $EDGE_FER_MEDIA, or over those named, and writes training/records/shares.json.
Nothing here says which answer would be right: the files have no labels.
"""

import argparse
import os
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import msgspec

from edge_fer.emotion.card import shipped_models
from edge_fer.errors import ConfigError
from edge_fer.types import Report
from training.command import answer
from training.recipe import Struct

RECORD = Path(__file__).parents[1] / "records" / "shares.json"

MIN_FACE_PX = 40
"""The faces of most clips are smaller than the daemon's default."""

MEDIA = (
    "obama-480p.jpg",
    "biden.jpg",
    "two_people.jpg",
    "eat.mkv",
    "again.mkv",
    "book.mkv",
    "bird.mkv",
    "head-pose-face-detection-female.gif",
    "head-pose-face-detection-male.gif",
    "face-demographics-walking-and-pause.gif",
)


class Shares(Struct, frozen=True, kw_only=True):
    """What one model says on one file."""

    file: str
    model: str
    frames: int
    faced: int
    """Frames with a face that was classified."""
    raw: dict[str, float]
    """Share of the faces by the top label of the frame alone."""
    published: dict[str, float]
    """Share of the faces of settled tracks by emotion after smoothing, uncertain included."""


def shares(file: Path, model: Path, *, max_frames: int | None = None) -> Shares:
    """Run the pipeline over the file as `edge-fer run` would.

    Raises:
        EdgeFerError: the file cannot be played, or the model not be used; one line.
    """
    # Here, since the page that shows the record needs none of the daemon's libraries.
    from edge_fer.build import build_classifier, build_pipeline
    from edge_fer.cameras import open_camera
    from edge_fer.config.load import load

    options = (
        "privacy.acknowledge_use=research",
        f"vision.min_face_px={MIN_FACE_PX}",
        f"camera.source={msgspec.json.encode(f'file:{file}').decode()}",
        f"model.path={msgspec.json.encode(str(model)).decode()}",
    )
    settings = load(None, options, {})
    pipeline = build_pipeline(settings, build_classifier(settings))
    with open_camera(settings.camera) as camera:
        reports = [pipeline.process(frame) for frame in islice(camera, max_frames)]
    return count(file.name, model.stem, reports)


def count(file: str, model: str, reports: Sequence[Report]) -> Shares:
    """Add the reports of a run up."""
    raw: Counter[str] = Counter()
    published: Counter[str] = Counter()
    for report in reports:
        for verdict in report.verdicts:
            if verdict.scores:
                raw[max(verdict.scores, key=verdict.scores.__getitem__)] += 1
            if verdict.scores and verdict.emotion:
                published[verdict.emotion] += 1
    return Shares(
        file=file,
        model=model,
        frames=len(reports),
        faced=sum(any(verdict.scores for verdict in report.verdicts) for report in reports),
        raw=_shares(raw),
        published=_shares(published),
    )


def _shares(counts: "Counter[str]") -> dict[str, float]:
    """Return the shares, the most frequent label first."""
    return {label: round(n / counts.total(), 4) for label, n in counts.most_common()}


def read_shares(path: Path = RECORD) -> list[Shares]:
    """Read the record; return an empty one if there is none."""
    return msgspec.json.decode(path.read_bytes(), type=list[Shares]) if path.exists() else []


def _files(named: Sequence[Path]) -> Iterator[Path]:
    if named:
        yield from named
        return
    folder = os.environ.get("EDGE_FER_MEDIA")
    if not folder:
        raise ConfigError("EDGE_FER_MEDIA: must be the folder of the clips, or name files")
    for name in MEDIA:
        if (Path(folder) / name).exists():
            yield Path(folder) / name
        else:
            print(f"{name}: not there, left out")


def main() -> int:
    """Run from the command line and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="*", type=Path, help="instead of the folder's")
    parser.add_argument("--record", type=Path, default=RECORD, help="file to write")
    parser.add_argument("--max-frames", type=int, help="of each file")
    arguments = parser.parse_args()
    return answer(lambda: _record(arguments.files, arguments.record, arguments.max_frames))


def _record(named: Sequence[Path], record: Path, max_frames: int | None) -> None:
    models = [model for model in shipped_models() if model.stem.endswith("-int8")]
    found = []
    for file in _files(named):
        for model in models:
            found.append(shares(file, model, max_frames=max_frames))
            print(found[-1], flush=True)
    record.parent.mkdir(parents=True, exist_ok=True)
    record.write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=1) + b"\n")


if __name__ == "__main__":
    sys.exit(main())
