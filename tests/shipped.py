"""The models in models/, as parameters of a fixture; one skipped entry where there is none."""

from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "models"
NONE = pytest.param(None, marks=pytest.mark.skip(reason="models/ is empty"), id="none")
SHIPPED = [pytest.param(path, id=path.stem) for path in sorted(FOLDER.glob("*.onnx"))] or [NONE]
