"""Fine-tune a teacher out of fold and keep its scores.

``python -m training.teachers NAME --fold K`` trains one fold; without ``--fold``, all missing
folds. NAME is faceres or dlib. Runs are stored in ``$EDGE_FER_RUNS`` (default: runs/) and resume
after an interruption. ``--share`` uses a part of the pictures, for a trial, and writes the scores
to the folder of runs. The schedule is longer on a GPU.
"""

import argparse
import json
import sys

import msgspec
import numpy as np
import torch

from edge_fer.errors import ConfigError
from training.command import answer
from training.teachers import folds
from training.teachers.job import (
    GPU_RECIPES,
    RECIPES,
    SCORES,
    Options,
    device_of,
    run_fold,
    write_scores,
)
from training.teachers.nets import NETS, new_teacher
from training.teachers.weights import runs
from training.teachers.work import Work, read_work


def main() -> int:
    """Run from the command line and return the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("name", choices=sorted(NETS))
    parser.add_argument("--fold", type=int, choices=range(folds.COUNT))
    parser.add_argument("--share", type=float, default=1.0)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--set", nargs="*", default=[], metavar="KEY=VALUE", help="of the recipe")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    return answer(lambda: _run(arguments))


def _run(arguments: argparse.Namespace) -> None:
    name, device = arguments.name, device_of(arguments.device)
    recipe = (RECIPES if device.type == "cpu" else GPU_RECIPES)[name]
    options = changed(recipe, arguments.set)
    place = SCORES if arguments.share == 1 else runs() / "teachers" / "tried"
    work = read_work(arguments.share, aligned=options.aligned > 0)
    for fold in range(folds.COUNT) if arguments.fold is None else [arguments.fold]:
        out = place / f"{name}-{fold}.npz"
        if out.exists():
            continue
        folder = runs() / "teachers" / f"{'' if place is SCORES else 'tried-'}{name}-fold{fold}"
        scores = run_fold(new_teacher(name), work, fold, options, folder, device=device)
        write_scores(scores, out)
        print(out.name, json.dumps(accuracies(scores, work)), flush=True)


def changed(recipe: Options, settings: list[str]) -> Options:
    """Return the recipe with ``settings`` (KEY=VALUE) applied.

    Raises:
        ConfigError: a setting is not one of the recipe's.
    """
    values = msgspec.to_builtins(recipe)
    for setting in settings:
        key, _, value = setting.partition("=")
        try:
            values[key] = json.loads(value)
        except ValueError as error:
            raise ConfigError(f"{setting}: must be KEY=VALUE with a JSON value") from error
    try:
        return msgspec.convert(values, Options)
    except msgspec.ValidationError as error:
        raise ConfigError(f"--set: {error}") from error


def accuracies(scores: dict[str, np.ndarray], work: Work) -> dict[str, float]:
    """Return the accuracy by FER-2013's labels and by the FER+ majority vote."""
    held = torch.from_numpy(scores["index"].astype(np.int64))
    result = {}
    for name, labels, votes in (
        ("heldout", work.train.labels[held], work.train.votes[held]),
        ("public", work.public.labels, work.public.votes),
    ):
        said = torch.from_numpy(scores[name].astype(np.float32))
        clear = votes.max(1).values > 0.5
        top = said[:, 7:].argmax(1) == votes.argmax(1)
        result[name] = float((said[:, :7].argmax(1) == labels).float().mean())
        result[f"{name}_majority"] = float(top[clear].float().mean())
    return {key: round(value, 4) for key, value in result.items()}


if __name__ == "__main__":
    sys.exit(main())
