"""The models in models/ as test parameters; one skipped entry if there is none."""

from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "models"
NONE = pytest.param(None, marks=pytest.mark.skip(reason="models/ is empty"), id="none")
SHIPPED = [pytest.param(path, id=path.stem) for path in sorted(FOLDER.glob("*.onnx"))] or [NONE]
