"""OpenCV's switches that hold for the whole process."""

import os
from typing import Any

import cv2


def quiet() -> None:
    """Keep OpenCV and FFmpeg from writing to stderr: what matters is told in an EdgeFerError.

    Takes effect for FFmpeg only before its first use in a process. What the user has set in
    the environment stays.
    """
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    if "OPENCV_LOG_LEVEL" in os.environ:
        return
    # OpenCV 5 has moved the function into a module of its own.
    home: Any = cv2 if hasattr(cv2, "setLogLevel") else cv2.utils.logging
    home.setLogLevel(0)
