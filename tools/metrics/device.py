"""The daemon and a network camera that shows a clip; only a live camera has all numbers."""

from __future__ import annotations

import contextlib
import itertools
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2

from tools.daemon import CLIP, OPTIONS, ROOT
from tools.metrics.servers import MetricsError
from tools.ports import free_port

SERVER = ROOT / "tests" / "fakes" / "rtsp_server.py"
MOST = 200


@contextlib.contextmanager
def camera(folder: Path) -> Iterator[str]:
    """Its address; it begins the clip anew when it has ended.

    Raises:
        MetricsError: GStreamer's server is not there.
    """
    film = folder / "film"
    film.mkdir()
    video = cv2.VideoCapture(str(CLIP))
    pictures = itertools.takewhile(lambda read: read[0], (video.read() for _ in range(MOST)))
    for number, (_, picture) in enumerate(pictures):
        cv2.imwrite(f"{film}/{number:03}.png", picture)
    port = free_port()
    with subprocess.Popen(
        ["/usr/bin/python3", str(SERVER), str(port), str(film)], stdout=subprocess.PIPE
    ) as server:
        assert server.stdout is not None
        try:
            if server.stdout.readline() != b"ready\n":
                raise MetricsError("the camera does not start; its packages stand in the Makefile")
            yield f"rtsp://127.0.0.1:{port}/faces"
        finally:
            server.kill()


@contextlib.contextmanager
def daemon(url: str, source: str, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    """``edge-fer run`` on it, as device porch, with these options more."""
    command = [sys.executable, "-m", "edge_fer", "run", "--camera", source, "--mqtt", url]
    chosen = (*OPTIONS, "device.name=porch", "log.level=error", "camera.timeout_s=30", *options)
    process = subprocess.Popen([*command, *(f"--set={option}" for option in chosen)], cwd=ROOT)
    try:
        yield process
    finally:
        process.kill()
        process.wait()
