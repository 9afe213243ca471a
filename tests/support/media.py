"""Real faces to test on, the landmark file, and the folders that the environment names."""

import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge_fer.errors import ModelError
from edge_fer.vision.landmarks import find_landmarks
from training.landmarks.compare import shrink

ROOT = Path(__file__).parents[2]
CACHE = Path(os.environ.get("EDGE_FER_CACHE", ROOT / ".cache"))
CLIP, PORTRAIT = CACHE / "carphone_pristine.mp4", CACHE / "astronaut.png"
"""Published test material, which `make venv` fetches."""


def _fetched(path: Path) -> Path:
    if not path.is_file():
        pytest.skip(f"{path}: no such file; `make venv` fetches it")
    return path


@pytest.fixture(scope="session")
def carphone() -> Path:
    """A clip of 176x144 px, one man with lively expressions."""
    return _fetched(CLIP)


@pytest.fixture(scope="session")
def portrait() -> np.ndarray:
    """scikit-image's astronaut as luma, 512x512 px, one smiling frontal face of about 110 px."""
    picture = cv2.imread(str(_fetched(PORTRAIT)), cv2.IMREAD_GRAYSCALE)
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


@pytest.fixture(scope="session")
def landmarks() -> Path:
    """Return the stock landmark file."""
    try:
        return find_landmarks()
    except ModelError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def short_landmarks(landmarks: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a landmark file of three cascades, which a daemon loads four times as fast."""
    path = tmp_path_factory.mktemp("landmarks") / "landmarks.dat"
    shrink(landmarks, path, 3)
    return path


@pytest.fixture(scope="session")
def media() -> Path:
    """Return the folder of test pictures and clips."""
    return _folder("EDGE_FER_MEDIA")


@pytest.fixture(scope="session")
def data() -> Path:
    """Return the folder of data sets."""
    return _folder("EDGE_FER_DATA")


def _folder(variable: str) -> Path:
    value = os.environ.get(variable)
    if not value:
        pytest.skip(f"{variable} is not set")
    folder = Path(value)
    if not folder.is_dir():
        pytest.skip(f"{variable} = {value}: no such folder")
    return folder
