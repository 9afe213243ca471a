"""Compare the events of the real picamera2 with those of the file camera: `make picamera`.

Runs in a Debian 13, on libcamera's virtual camera, whose buffers are anonymous files instead of
udmabuf's. Pictures are those of $EDGE_FER_MEDIA and the portrait in .cache; each is a virtual
camera of its own, in two sizes. The larger one has a second stream of half its size. The file
camera plays the same decoded luma as PNG. Not tested: a sensor, the ISP and its scaling, CMA, a
camera that is unplugged. Needs root.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from release import run

from edge_fer.config.broker_url import parse_broker
from edge_fer.demo.demo import PrivateBroker
from edge_fer.mqtt.connection import subscribe
from tests.integration.picamera.debian import Debian
from tests.support.chroot import needs_root
from tests.support.long_runs import Record

pytestmark = [pytest.mark.integration, needs_root]

ROOT = Path(__file__).parents[2]
CACHE = ROOT / ".cache"
STILLS = ("biden.jpg", "obama-480p.jpg", "two_people.jpg")
CLIPS = ("again.mkv", "book.mkv", "eat.mkv")
FRAME = 40
"""The one that is taken of a clip."""

SIZES = ((640, 480), (1280, 960))
PATIENCE_S = 240
"""How long the daemon may take over all of it on a busy machine."""

CONFIG = "usr/share/libcamera/pipeline/virtual/virtual.yaml"


@pytest.fixture(scope="module")
def trixie() -> Debian:
    """Return a Debian 13 with picamera2 and the pictures."""
    if not shutil.which("debootstrap"):
        pytest.skip("debootstrap is not installed; make picamera installs it")
    debian = Debian(CACHE / "picamera/root", ROOT)
    debian.prepare()
    _write_pictures(debian.root)
    return debian


def test_the_gstreamer_camera_works_with_an_opencv_that_has_gstreamer(trixie: Debian) -> None:
    run(trixie.test("tests/unit/test_camera_gst.py"))


def test_events_and_luma_are_those_of_the_file_camera(trixie: Debian, record: Record) -> None:
    rows = _compare(trixie)
    good = [row for row in rows if _is_same(row)]
    tracks = sum(row["tracks"] for row in rows)
    table = [
        {
            "picture": row["picture"],
            "size": row["size"],
            "tracks": row["tracks"],
            "emotions": ", ".join(row["emotions"][1]),
            "scores differ by": row["scores"],
            "boxes, px": row["boxes"],
            "luma, grey levels": row["luma"],
            "tiles, px": "" if row["tiles"] is None else row["tiles"]["px"],
        }
        for row in rows
    ]
    said = f"{len(good)} of {len(rows)} pictures, with {tracks} tracks ({trixie.versions()})"
    record("picamera", said, table)
    assert rows
    assert rows == good


def test_the_daemon_recovers_from_a_camera_that_stalls(trixie: Debian) -> None:
    told, code = _stall(trixie)
    assert (0, 4) == (code, len(told)), told


def _pictures() -> Iterator[tuple[str, NDArray[np.uint8]]]:
    media = Path(os.environ.get("EDGE_FER_MEDIA", ""))
    for path in (*(media / name for name in STILLS), CACHE / "astronaut.png"):
        picture = cv2.imread(str(path))
        if picture is None:
            pytest.skip(f"{path}: cannot be read; EDGE_FER_MEDIA must name the folder of pictures")
        yield path.stem, np.asarray(picture, np.uint8)
    for name in CLIPS:
        capture = cv2.VideoCapture(str(media / name))
        for _ in range(FRAME):
            capture.grab()
        yield Path(name).stem, np.asarray(capture.read()[1], np.uint8)


def _write_pictures(root: Path) -> None:
    """A picture WIDTH-HEIGHT-NAME.jpg for each camera, and libcamera's list of cameras."""
    folder = root / "opt/pictures"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    pictures = {
        f"{width:04}-{height:04}-{name}": _fitted(picture, width, height)
        for name, picture in _pictures()
        for width, height in SIZES
    }
    lines = ["%YAML 1.1", "---"]
    for number, (name, picture) in enumerate(sorted(pictures.items())):
        height, width = picture.shape[:2]
        path = folder / f"{name}.jpg"
        cv2.imwrite(str(path), picture, [cv2.IMWRITE_JPEG_QUALITY, 95])
        lines += [
            f'"Virtual{number:02}":',
            "  supported_formats:",
            # Of every size that a stream is to have.
            f"  - {{width: {width}, height: {height}, frame_rates: [30, 30]}}",
            f"  - {{width: {width // 2}, height: {height // 2}, frame_rates: [30, 30]}}",
            "  frames:",
            f'    path: "/{path.relative_to(root)}"',
            '    scale_mode: "fill"',
            '  location: "CameraLocationFront"',
            f'  model: "{name}"',
        ]
    (root / CONFIG).parent.mkdir(parents=True, exist_ok=True)
    (root / CONFIG).write_text("\n".join(lines) + "\n")


def _fitted(picture: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    """The whole picture in the middle of a grey one of that size."""
    factor = min(width / picture.shape[1], height / picture.shape[0])
    method = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    scaled = cv2.resize(picture, None, fx=factor, fy=factor, interpolation=method)
    full = np.full((height, width, 3), 128, np.uint8)
    top, left = (height - scaled.shape[0]) // 2, (width - scaled.shape[1]) // 2
    full[top : top + scaled.shape[0], left : left + scaled.shape[1]] = scaled
    return full


def _compare(debian: Debian) -> list[dict[str, Any]]:
    command = debian.python("-m", "tests.integration.picamera.inside", "compare", "/opt/pictures")
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    rows: list[dict[str, Any]] = json.loads(done.stdout.splitlines()[-1])
    return rows


def _is_same(row: dict[str, Any]) -> bool:
    """All is equal to the last digit, a face was found, and no opening leaves a descriptor."""
    width, height = map(int, row["size"].split("x"))
    tiles = row["tiles"] or {"found": [1, 1], "px": 0, "size": [height // 2, width // 2]}
    return bool(
        row["tracks"]
        and row["emotions"][0] == row["emotions"][1]
        and row["phases"][0] == row["phases"][1]
        and row["scores"] == row["boxes"] == row["luma"] == tiles["px"] == 0
        and tiles["found"][0] == tiles["found"][1]
        and tiles["size"] == [height // 2, width // 2]
        and len(set(row["descriptors"])) == 1
    )


def _stall(debian: Debian) -> tuple[list[str], int]:
    """What the daemon said of a camera that stalls, with its events around that; its exit code."""
    told: list[str] = []
    with PrivateBroker() as broker, subscribe(parse_broker(broker.url), ["+/+/event"]) as inbox:
        options = [
            "--camera",
            "picamera2:0",
            "--mqtt",
            broker.url,
            "--set",
            "camera.timeout_s=2",
            "--set",
            "privacy.acknowledge_use=research",
            "--set",
            "mqtt.outbox=memory",
            "--set",
            "mqtt.drain_s=1",
            "--set",
            "tracking.lost_s=30",
        ]
        daemon = subprocess.Popen(
            debian.python("-m", "tests.integration.picamera.inside", "daemon", "run", *options),
            stderr=subprocess.PIPE,
            text=True,
            cwd="/",
        )
        assert daemon.stderr is not None
        timer = threading.Timer(PATIENCE_S, daemon.kill)
        timer.start()
        with contextlib.suppress(queue.Empty):
            told.append(f"event: {_begun(inbox)}")
            for line in daemon.stderr:
                if "no frame for" in line or "recovered after" in line:
                    told.append(line.strip())
                if "recovered after" in line:
                    break
            told.append(f"event: {_begun(inbox)}")
        daemon.terminate()
        daemon.communicate()
        timer.cancel()
    return told, daemon.returncode


def _begun(inbox: queue.SimpleQueue[Any]) -> str:
    """The emotion of the next track that begins."""
    while (event := json.loads(inbox.get(timeout=PATIENCE_S).payload))["phase"] != "begin":
        pass
    return str(event["emotion"])
