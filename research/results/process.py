"""The figures of a whole process: memory, and the start; each in processes of their own."""

from __future__ import annotations

import contextlib
import itertools
import json
import statistics
import subprocess
import sys
from collections.abc import Iterable
from typing import Any

from edge_fer.errors import DataError
from edge_fer.vision.landmarks import find_landmarks
from research.results.figures import Figure
from research.results.media import CACHE, ROOT, TALKING, clip, find, find_data

FRAMES = 1000
STARTS = 7
"""Of each landmark file, in turn."""

SHORT, COMPACT = CACHE / "landmarks-10.dat", CACHE / "landmarks-compact.dat"


def files() -> dict[str, str]:
    """Name to path of the landmark files; the smaller ones are made where they are missing.

    The compact one is trained on FER-2013, and left out where that is not there.
    """
    found = {"stock": find_landmarks(), "10 of 15 cascades": SHORT}
    if not SHORT.is_file():
        _landmarks("shrink", str(SHORT), "--cascades", "10")
    data = find_data()
    if data is not None and not COMPACT.is_file():
        _landmarks("train", str(COMPACT), str(data))
    if COMPACT.is_file():
        found["compact"] = COMPACT
    return {name: str(path) for name, path in found.items()}


def _landmarks(*arguments: str) -> None:
    """Run `python -m training.landmarks`; what it says is shown."""
    subprocess.run([sys.executable, "-m", "training.landmarks", *arguments], check=True)


def memory() -> dict[str, Figure]:
    """Of a process that has seen 1,000 frames of 640x480 px, by landmark file."""
    frames = [frame.luma.tobytes() for name in TALKING for frame in clip(name)]
    rows: list[dict[str, Any]] = []
    for name, path in files().items():
        seen = itertools.islice(itertools.cycle(frames), FRAMES)
        kb = _probe("-", f"vision.landmarks={path}", frames=seen)["kb"]
        mb = {key: round(value * 1024 / 1e6, 1) for key, value in kb.items()}
        rows.append({"landmarks": name, **{f"{key}, MB": value for key, value in mb.items()}})
    note = (
        f"After {FRAMES:,} frames of {', '.join(TALKING)}, with all the daemon's imports, without "
        "a broker. The frames come decoded, as a live camera's do: a video decoder in the process "
        "takes some 14 MB more. MB are 10^6 bytes."
    )
    found = {str(row["landmarks"]): float(row["VmRSS, MB"]) for row in rows}
    figures = {}
    if "10 of 15 cascades" in found:
        figures["memory"] = Figure(found["10 of 15 cascades"], note, tuple(rows))
    if "compact" in found:
        figures["memory-compact"] = Figure(found["compact"], "Of the table above.")
    return figures


def start() -> dict[str, Figure]:
    """From the start of the process to the first event, in terms of what loading alone takes."""
    ratios: dict[str, list[float]] = {name: [] for name in files()}
    for _ in range(STARTS):
        for name, path in files().items():
            seconds = _probe(str(find(TALKING[1])), f"vision.landmarks={path}")["seconds"]
            ratios[name].append(seconds["event"] / (seconds["loaded"] - seconds["python"]))
    rows: tuple[dict[str, Any], ...] = tuple(
        {
            "landmarks": name,
            "median": round(statistics.median(values), 3),
            "least": round(min(values), 3),
            "most": round(max(values), 3),
        }
        for name, values in ratios.items()
    )
    note = (
        f"{TALKING[1]} as a camera, played as fast as it can be; imports, detector, landmarks and "
        f"network of the same run are 1. {STARTS} starts each, in turn; wall clock. The figure is "
        "the median with the stock landmarks."
    )
    return {"start": Figure(rows[0]["median"], note, rows)}


def _probe(source: str, option: str, *, frames: Iterable[bytes] = ()) -> dict[str, Any]:
    """What `probe` prints of a clip, or of ``frames`` where the source is "-"."""
    command = [sys.executable, "-m", "research.results.probe", source, option]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=False, cwd=ROOT) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        # A process that fails closes the pipe; its own words on stderr say why.
        with contextlib.suppress(BrokenPipeError):
            for frame in frames:
                process.stdin.write(frame)
            process.stdin.close()
        said = process.stdout.read()
    if process.returncode:
        raise DataError(f"{' '.join(command)}: ended with {process.returncode}")
    result: dict[str, Any] = json.loads(said)
    return result
