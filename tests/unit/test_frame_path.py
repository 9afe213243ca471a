"""How many files of the package an ordinary frame passes, from the camera to the publisher.

An ordinary frame shows one followed face that is read and whose emotion stays. Its path begins
where the camera is asked for it and ends when its report has been published; the upkeep of the
main loop between two frames (watchdog, statistics) is not on it.

As a command: python tests/unit/test_frame_path.py CLIP
"""

import collections
import os
import sys
import threading
from pathlib import Path

import edge_fer
from edge_fer.cli import main
from edge_fer.types import Outcome, Report

MOST = 18
PACKAGE = str(Path(edge_fer.__file__).parent)


class Tracer:
    """Collects the files whose functions run from a call of the camera to a published report."""

    def __init__(self) -> None:
        self.frames: list[tuple[Report, frozenset[str]]] = []
        self._files: set[str] = set()
        self._report: Report | None = None

    def __call__(self, frame, event, value) -> None:  # type: ignore[no-untyped-def]
        code = frame.f_code
        if not code.co_filename.startswith(PACKAGE):
            return
        place = (os.path.relpath(code.co_filename, PACKAGE), code.co_name)
        if event == "call":
            if place == ("cameras/__init__.py", "__next__"):
                self._files = set()
            self._files.add(place[0])
        elif event == "return" and place == ("pipeline.py", "process"):
            self._report = value
        elif event == "return" and place == ("daemon/reporting.py", "report") and self._report:
            self.frames.append((self._report, frozenset(self._files)))
            self._report = None

    def ordinary(self) -> list[str]:
        """The files of the most common path of an ordinary frame."""
        paths = collections.Counter(
            files
            for report, files in self.frames
            if [Outcome.UNCHANGED] == [v.outcome for v in report.verdicts] and not report.events
        )
        (files, _), *_ = paths.most_common(1)
        return sorted(files)


def trace(clip: Path) -> Tracer:
    """Play a clip through the daemon, without a broker."""
    tracer = Tracer()
    settings = ["mqtt.outbox=memory", "mqtt.drain_s=0", "mqtt.brokers=mqtt://127.0.0.1:9"]
    settings += ["privacy.acknowledge_use=research", "vision.min_face_px=40"]
    arguments = ["run", "--camera", f"file:{clip}", *(f"--set={text}" for text in settings)]
    threading.setprofile(tracer)
    sys.setprofile(tracer)
    try:
        main(arguments)
    finally:
        sys.setprofile(None)
        threading.setprofile(None)  # type: ignore[arg-type]
    return tracer


def test_an_ordinary_frame_passes_few_files(carphone: Path, landmarks: Path) -> None:
    files = trace(carphone).ordinary()
    print(f"{len(files)} files:", *files, sep="\n")
    assert len(files) <= MOST


if __name__ == "__main__":
    found = trace(Path(sys.argv[1])).ordinary()
    print(*found, sep="\n")
    print(f"{len(found)} files of {MOST} at most")
