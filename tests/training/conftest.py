"""The training's tests need torch; without it each file is skipped, with the reason."""

import importlib.util
from pathlib import Path

import pytest

NEEDED = ("torch", "torch_pruning", "onnx", "matplotlib")
MISSING = [name for name in NEEDED if importlib.util.find_spec(name) is None]


class _Skipped(pytest.Module):
    def collect(self):
        pytest.skip(f"{', '.join(MISSING)} not installed", allow_module_level=True)


def pytest_pycollect_makemodule(module_path, parent):
    return _Skipped.from_parent(parent, path=module_path) if MISSING else None


def pytest_collection_modifyitems(items):
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker("training")


@pytest.fixture(scope="session")
def built(tmp_path_factory):
    """A folder in which a toy recipe was built, from data to card."""
    from toys import toy_recipe, write_fer2013

    from training.build import build

    folder = tmp_path_factory.mktemp("built")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("EDGE_FER_DATA", str(write_fer2013(folder / "toy.npz")))
        build(toy_recipe(), final=True)
    return folder


if not MISSING:
    import torch

    # One core is what everybody has, and sums over one thread are the same every time.
    torch.set_num_threads(1)
