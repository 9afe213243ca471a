"""Make soft labels: an ensemble's scores of every training picture, small enough to commit.

``python -m training.soften NAME RUN...`` averages the networks of the given runs, such as
``teacher`` or ``xception``, over augmented views of each picture, since on a picture as they
learned it networks are surer than they are right, and writes training/soft/NAME.npz. A RUN with
a slash, such as ``ultralight-ferplus/polished``, is a stage's own folder; without, the parent's.
``RUN@64`` shows that network the chips at 64 px.
``--crowd`` corrects the scores over FER-2013's labels by the FER+ votes, as
`training.posterior` does, and ``--beside NAME`` averages all scores with those of a file.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import torch
from torch import nn

from edge_fer.errors import ConfigError, DataError
from training.augment import augment
from training.command import answer
from training.data import SPEC, Split, read_split, resize
from training.fit import load_module
from training.posterior import posterior
from training.precision import half_precision
from training.recipe import RUNS

FOLDER = Path(__file__).parent / "soft"
LABELS = 7
"""The first scores of a row are over FER-2013's labels, the other eight over FER+'s."""
Judge = tuple[nn.Module, int]
"""A network and the side in px of the chips it is shown."""
FLOOR = -8.0
"""Lowest logarithm that is kept; a byte holds steps of 1/32 from there to 0."""


def scores_of(
    nets: list[Judge], split: Split, *, views: int, strength: float = 0.8, seed: int = 1
) -> torch.Tensor:
    """Return mean scores (N, 7 + 8) of ``nets`` over augmented views, or mirrored ones at 0."""
    generator = torch.Generator().manual_seed(seed)
    total = torch.zeros(len(split), LABELS + 8)
    for index in torch.split(torch.arange(len(split)), 512):
        chips = split.chips[index]
        seen = [augment(chips, generator, strength=strength) for _ in range(views)]
        for view in seen or [chips, chips.flip(-1)]:
            total[index] += _summed(nets, view)
    return total / (len(nets) * (views or 2))


@torch.inference_mode()
def _summed(nets: list[Judge], chips: torch.Tensor) -> torch.Tensor:
    """Return the scores (N, 7 + 8) of all nets together."""
    with half_precision():
        rows = [
            net(resize(chips, size).contiguous(memory_format=torch.channels_last)).float()
            for net, size in nets
        ]
    return torch.stack(
        [torch.cat([row[:, :LABELS].softmax(1), row[:, LABELS:].softmax(1)], 1) for row in rows]
    ).sum(0)


def write_soft(scores: torch.Tensor, path: Path) -> None:
    """Keep the logarithms of ``scores`` as bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    logs = scores.clamp(min=1e-9).log().clamp(min=FLOOR)
    np.savez_compressed(path, logs=((logs - FLOOR) * -255 / FLOOR).round().byte().numpy())


def read_soft(name: str, count: int) -> torch.Tensor:
    """Read training/soft/<name>.npz: (count, 7 + 8) logarithms of scores.

    Raises:
        DataError: there is no such file, or it is not of ``count`` pictures; one line.
    """
    path = FOLDER / f"{name}.npz"
    try:
        with np.load(path) as archive:
            held = archive["logs"]
    except (OSError, ValueError, KeyError) as error:
        names = ", ".join(sorted(file.stem for file in FOLDER.glob("*.npz"))) or "none yet"
        raise DataError(f"{path}: must be a file of soft labels; there are {names}") from error
    if len(held) != count:
        raise DataError(f"{path}: {len(held)} rows, must be {count}, one per training picture")
    return torch.from_numpy(held).float() * (-FLOOR / 255) + FLOOR


def main() -> int:
    """Run from the command line and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", help="of the file in training/soft/")
    parser.add_argument("runs", nargs="+", metavar="RUN", help="finished runs in runs/")
    parser.add_argument("--views", type=int, default=6)
    parser.add_argument("--crowd", action="store_true")
    parser.add_argument("--beside", metavar="NAME")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    return answer(lambda: _soften(arguments))


def _soften(arguments: argparse.Namespace) -> None:
    runs, views = arguments.runs, arguments.views
    nets = [_finished(run) for run in runs]
    for run, net in zip(runs, nets, strict=True):
        print(f"{run}: {_accuracy([net]):.4f} on PublicTest with its mirror image")
    print(f"ensemble: {_accuracy(nets):.4f}")
    train = read_split("train")
    scores = scores_of(nets, train, views=views)
    if arguments.crowd:
        public = read_split("public")
        known = scores_of(nets, public, views=views)
        scores[:, :LABELS] = posterior((known, public), (scores, train))
    if arguments.beside is not None:
        scores = (scores + read_soft(arguments.beside, len(train)).exp()) / 2
    write_soft(scores, FOLDER / f"{arguments.name}.npz")


def _finished(name: str) -> Judge:
    run, _, size = name.partition("@")
    if size and not size.isdecimal():
        raise ConfigError(f"RUN = {name}: behind @ must be the side of the chips in px, is {size}")
    path = RUNS / run / ("" if "/" in run else "parent") / "final.pt"
    if not path.exists():
        raise DataError(f"{path}: no such run; make it with python -m training.train {run}")
    return load_module(path), int(size or SPEC.sizes[0])


def _accuracy(nets: list[Judge]) -> float:
    split = read_split("public")
    said = scores_of(nets, split, views=0)[:, :LABELS].argmax(1)
    return float((said == split.labels).float().mean())


if __name__ == "__main__":
    sys.exit(main())
