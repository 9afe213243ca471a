"""Real faces to test on: a classic clip and a public-domain portrait, fetched by `make test`."""

import os
from pathlib import Path

import cv2
import numpy as np
import pytest

CACHE = Path(os.environ.get("EDGE_FER_CACHE", Path(__file__).parents[1] / ".cache"))


def _cached(name: str) -> Path:
    path = CACHE / name
    if not path.is_file():
        pytest.skip(f"{path}: not there; `make test` fetches it")
    return path


@pytest.fixture(scope="session")
def carphone() -> Path:
    """120 frames of 176x144 px, one man with lively expressions."""
    return _cached("carphone_pristine.mp4")


@pytest.fixture(scope="session")
def portrait() -> np.ndarray:
    """scikit-image's astronaut as luma, 512x512 px, one smiling frontal face of about 110 px."""
    picture = cv2.imread(str(_cached("astronaut.png")), cv2.IMREAD_GRAYSCALE)
    assert picture is not None
    return picture


@pytest.fixture(scope="session")
def yunet_file() -> Path:
    """YuNet's .onnx file: $EDGE_FER_YUNET, else in the folder models beside the media's."""
    named = os.environ.get("EDGE_FER_YUNET")
    media = os.environ.get("EDGE_FER_MEDIA")
    path = Path(named or (f"{media}/../models/yunet_n_320_320.onnx" if media else ""))
    if not path.is_file():
        pytest.skip("EDGE_FER_YUNET names no YuNet file")
    return path
