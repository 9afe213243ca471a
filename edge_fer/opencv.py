"""OpenCV settings for the whole process."""

import os
from typing import Any

import cv2


def silence_opencv() -> None:
    """Keep OpenCV and FFmpeg from writing to stderr; an EdgeFerError reports what matters.

    FFmpeg reads its level once, at its first use in a process. Variables that the user has set
    keep their values.
    """
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    if "OPENCV_LOG_LEVEL" in os.environ:
        return
    # OpenCV 5 has moved the function to another module.
    home: Any = cv2 if hasattr(cv2, "setLogLevel") else cv2.utils.logging
    home.setLogLevel(0)
