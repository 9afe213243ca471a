"""Align FER-2013's pictures as the daemon does, and store them for training on both framings.

``python -m training.aligned`` writes runs/aligned.npz: ``train`` and ``public`` (N, 48, 48)
uint8 in the data set's order, ``train_how`` and ``public_how`` (N,) uint8 as
`edge_fer.evaluation.chips.How` says.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from edge_fer.emotion.session import to_tensor
from edge_fer.evaluation.chips import How, StillAligner
from edge_fer.evaluation.dataset import load
from training.command import answer
from training.data import SPEC, data_path
from training.recipe import RUNS

FILE = "aligned.npz"
SPLITS = ("train", "public")


def write_aligned(path: Path) -> dict[str, NDArray[np.uint8]]:
    """Align both splits, write them to ``path`` at once and return the arrays.

    Raises:
        DataError: the data set cannot be read.
        ModelError: the landmark file is missing or damaged.
    """
    aligner = StillAligner()
    arrays: dict[str, NDArray[np.uint8]] = {}
    for name in SPLITS:
        chips, how = aligner.cut_all(load(data_path(), name).images)
        arrays |= {name: chips, f"{name}_how": how}
    path.parent.mkdir(parents=True, exist_ok=True)
    # A training that starts meanwhile finds the complete file or none.
    part = path.with_name(f"{path.name}.part")
    with part.open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays)
    part.replace(path)
    return arrays


def read_aligned(split: str) -> torch.Tensor:
    """Return the aligned chips (N, 1, 48, 48) of a split as network input; cut them if needed."""
    path = RUNS / FILE
    arrays = np.load(path) if path.exists() else write_aligned(path)
    return torch.from_numpy(to_tensor(arrays[split], SPEC))


def main() -> int:
    """Run from the command line and return the exit code."""
    argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    ).parse_args()
    return answer(_write_and_report)


def _write_and_report() -> None:
    arrays = write_aligned(RUNS / FILE)
    for name in SPLITS:
        shares = np.bincount(arrays[f"{name}_how"], minlength=len(How)) / len(arrays[name])
        ways = ", ".join(f"{how.name.lower()} {shares[how]:.1%}" for how in How)
        print(f"{name}: {len(arrays[name])} pictures: {ways}")


if __name__ == "__main__":
    sys.exit(main())
