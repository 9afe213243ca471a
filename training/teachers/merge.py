"""Combine the scores of all folds with the FER+ votes into soft labels.

``python -m training.teachers.merge NAME TEACHER...`` reads scores/TEACHER-<K>.npz of all folds
and writes training/soft/NAME.npz, as `training.soften` reads it, and NAME-wild.npz: ``logs``
of the same form and the ``picture`` of each row.

Nothing is fitted on PublicTest, nor on the fold that is scored. Scores over FER-2013's labels come
from a linear softmax regression on all teachers' scores and the votes, fitted on the other folds.
Scores over FER+'s labels are the posterior mean of the votes, with the teachers' mean as a
Dirichlet prior; its strength maximizes the likelihood of the other folds' votes. Faces of
photographs have no votes: they get a regression without votes, and the teachers' mean.

With ``--partial``, two folds of each teacher suffice. Pictures of a missing fold get scores from
the votes alone.
"""

import argparse
import dataclasses
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional as F

from edge_fer.errors import DataError
from training.command import answer
from training.soften import FOLDER, LABELS, write_soft
from training.teachers import folds
from training.teachers.job import SCORES
from training.teachers.weights import runs
from training.teachers.work import read_work

CLASSES = 7
FEWEST = 2
"""Minimum number of folds: the regression for one fold is fitted on another."""
STRENGTHS = (0.5, 1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 64)
"""Strengths of the prior to choose from, in votes."""


@dataclasses.dataclass(frozen=True, eq=False, slots=True)
class Said:
    """Hold log scores of the teachers: (rows, teachers, 7 + 8)."""

    heldout: torch.Tensor
    """Scores of each training picture by the teachers that were not trained on it; NaN if the
    fold is missing."""
    public: torch.Tensor
    """Mean of the folds."""
    wild: torch.Tensor | None
    """Mean of the folds; None if a fold has no scores for photographs."""


def gather(
    teachers: Sequence[str], fold: NDArray[np.integer], place: Path, *, partial: bool = False
) -> Said:
    """Read the scores of all folds of the ``teachers``; with ``partial``, of those that exist.

    Raises:
        DataError: the file of a fold is missing, damaged, or belongs to other pictures.
    """
    parts = [_gather_one(name, fold, place, partial=partial) for name in teachers]
    wild = [part.wild for part in parts if part.wild is not None]
    heldout = torch.stack([part.heldout for part in parts], 1)
    count = len(np.unique(fold[_scored(heldout).numpy()]))
    if count < FEWEST:
        raise DataError(f"{place}: must contain {FEWEST} folds of each teacher, contains {count}")
    return Said(
        heldout,
        torch.stack([part.public for part in parts], 1),
        torch.stack(wild, 1) if len(wild) == len(parts) else None,
    )


def _gather_one(name: str, fold: NDArray[np.integer], place: Path, *, partial: bool) -> Said:
    heldout = torch.full((len(fold), LABELS + 8), torch.nan)
    public, wild = [], []
    for number in range(folds.COUNT):
        path = place / f"{name}-{number}.npz"
        if partial and not path.exists():
            continue
        try:
            with np.load(path) as held:
                arrays = {key: held[key] for key in held.files}
            index = arrays["index"].astype(np.int64)
            heldout[index] = _heldout(arrays)
            public.append(_floats(arrays["public"]).exp())
        except (OSError, ValueError, KeyError, IndexError) as error:
            raise DataError(f"{path}: must hold the scores of a fold ({error})") from error
        if not np.array_equal(np.flatnonzero(fold == number), index):
            raise DataError(f"{path}: is of other pictures than fold {number}")
        if "wild" in arrays:
            wild.append(_floats(arrays["wild"]).exp())
    if not public:
        raise DataError(f"{place}: contains no fold of {name}")
    return Said(
        heldout,
        torch.stack(public).mean(0).log(),
        torch.stack(wild).mean(0).log() if len(wild) == len(public) else None,
    )


def _scored(heldout: torch.Tensor) -> torch.Tensor:
    """Return True (N,) for the pictures with scores of all teachers."""
    return ~heldout.isnan().any(2).any(1)


def _heldout(arrays: dict[str, NDArray[np.float16]]) -> torch.Tensor:
    """Return log scores of the held-out pictures, averaged over both framings if possible."""
    plain = _floats(arrays["heldout"])
    if "heldout_aligned" not in arrays:
        return plain
    return ((plain.exp() + _floats(arrays["heldout_aligned"]).exp()) / 2).log()


def _floats(values: NDArray[np.float16]) -> torch.Tensor:
    return torch.from_numpy(values.astype(np.float32))


class Line:
    """Fit a linear softmax regression from ``given`` (N, F) to ``labels`` (N,)."""

    def __init__(self, given: torch.Tensor, labels: torch.Tensor, *, decay: float = 1e-3) -> None:
        self._mean, self._spread = given.mean(0), given.std(0) + 1e-6
        self._line = nn.Linear(given.shape[1], CLASSES)
        nn.init.zeros_(self._line.weight)
        nn.init.zeros_(self._line.bias)
        inputs = (given - self._mean) / self._spread
        optimizer = torch.optim.LBFGS(
            self._line.parameters(), max_iter=300, line_search_fn="strong_wolfe"
        )

        def step() -> torch.Tensor:
            optimizer.zero_grad()
            loss = F.cross_entropy(self._line(inputs), labels)
            loss = loss + decay * self._line.weight.square().sum()
            loss.backward()  # type: ignore[no-untyped-call]
            return loss

        optimizer.step(step)  # type: ignore[no-untyped-call]

    @torch.no_grad()
    def scores(self, given: torch.Tensor) -> torch.Tensor:
        """Return scores (N, 7)."""
        logits: torch.Tensor = self._line((given - self._mean) / self._spread)
        return logits.softmax(1)


def features(said: torch.Tensor, votes: torch.Tensor | None) -> torch.Tensor:
    """Return the inputs of the regression: log scores, vote shares and their square roots."""
    parts = [said.clamp(min=-9.0).flatten(1)]
    if votes is not None:
        shares = votes / votes.sum(1, keepdim=True).clamp(min=1)
        parts += [shares, shares.sqrt()]
    return torch.cat(parts, 1)


def label_scores(
    said: torch.Tensor, votes: torch.Tensor, labels: torch.Tensor, fold: torch.Tensor
) -> torch.Tensor:
    """Return scores (N, 7) over FER-2013's labels, each from a regression on the other folds."""
    scored = _scored(said)
    whole, alone = features(said, votes), features(said[:, :0], votes)
    result = torch.zeros(len(said), CLASSES)
    for number in range(folds.COUNT):
        inside = fold == number
        known = bool(scored[inside].all())
        given, others = (whole, ~inside & scored) if known else (alone, ~inside)
        result[inside] = Line(given[others], labels[others]).scores(given[inside])
    return result


def vote_scores(said: torch.Tensor, votes: torch.Tensor, fold: torch.Tensor) -> torch.Tensor:
    """Return scores (N, 8) over FER+'s labels: votes, with the teachers' mean as a prior."""
    scored = _scored(said)
    mean, result = _mean_votes(said), torch.zeros(len(said), 8)
    for number in range(folds.COUNT):
        inside = fold == number
        prior, others = mean, ~inside & scored
        if not scored[inside].all():
            others = ~inside
            prior = (votes[others].mean(0) / votes[others].mean(0).sum()).expand_as(mean)
        strength = best_strength(prior[others], votes[others])
        total = votes[inside].sum(1, keepdim=True) + strength
        result[inside] = (votes[inside] + strength * prior[inside]) / total
    return result


def _mean_votes(said: torch.Tensor) -> torch.Tensor:
    mean = said[..., LABELS:].exp().mean(1).clamp(min=1e-4)
    return mean / mean.sum(1, keepdim=True)


def best_strength(mean: torch.Tensor, votes: torch.Tensor) -> float:
    """Return the strength of the Dirichlet prior ``mean`` (N, 8) that fits ``votes`` best."""
    total = votes.sum(1)

    def likelihood(strength: float) -> float:
        prior = strength * mean.double()
        counts = (torch.lgamma(votes.double() + prior) - torch.lgamma(prior)).sum(1)
        whole = torch.lgamma(torch.tensor(strength, dtype=torch.double))
        return float((counts + whole - torch.lgamma(total.double() + strength)).sum())

    return max(STRENGTHS, key=likelihood)


def main() -> int:
    """Run from the command line and return the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("name", help="of the files in training/soft/")
    parser.add_argument("teachers", nargs="+", metavar="TEACHER")
    parser.add_argument("--partial", action="store_true", help="accept missing folds")
    parser.add_argument("--share", type=float, default=1.0, help="as the folds were tried with")
    parser.add_argument("--scores", type=Path, default=SCORES, metavar="FOLDER")
    parser.add_argument("--out", type=Path, default=FOLDER, metavar="FOLDER")
    return answer(lambda: _merge(parser.parse_args()))


def _merge(arguments: argparse.Namespace) -> None:
    work = read_work(arguments.share, aligned=False)
    split, where, counts = work.train, work.folds, work.counts
    said = gather(arguments.teachers, where.numpy(), arguments.scores, partial=arguments.partial)
    ours = label_scores(said.heldout, counts, split.labels, where)
    theirs = vote_scores(said.heldout, counts, where)
    write_soft(torch.cat([ours, theirs], 1), arguments.out / f"{arguments.name}.npz")
    scored = _scored(said.heldout)
    alone = said.heldout[scored][..., :LABELS].exp().mean(1)
    print(json.dumps(_report(alone, ours[scored], split.labels[scored])))
    if said.wild is not None:
        _write_wild(said, split.labels, arguments)


def _report(
    alone: torch.Tensor, with_votes: torch.Tensor, labels: torch.Tensor
) -> dict[str, float]:
    """Return the figures of scores (N, 7) of the teachers alone and with the votes."""
    result = {"pictures": float(len(labels))}
    for name, scores in (("teachers", alone), ("with the votes", with_votes)):
        right = (scores.argmax(1) == labels).float().mean()
        result[f"accuracy, {name}"] = round(float(right), 4)
        result[f"cross-entropy, {name}"] = round(float(F.nll_loss(scores.log(), labels)), 4)
    return result


def _write_wild(said: Said, labels: torch.Tensor, arguments: argparse.Namespace) -> None:
    """Write soft labels of the faces of photographs, from the teachers alone."""
    assert said.wild is not None
    scored = _scored(said.heldout)
    line = Line(features(said.heldout[scored], None), labels[scored])
    ours = line.scores(features(said.wild, None))
    logs = torch.cat([ours, _mean_votes(said.wild)], 1)
    path = arguments.out / f"{arguments.name}-wild.npz"
    write_soft(logs, path)
    with np.load(path) as held, np.load(runs() / "wild.npz") as wild:
        np.savez_compressed(path, logs=held["logs"], picture=wild["picture"][: len(logs)])


if __name__ == "__main__":
    sys.exit(main())
