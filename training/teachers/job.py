"""Fine-tune one teacher on four folds and score the pictures that it was not trained on.

The folder of a fold, ``<runs>/teachers/NAME-fold<K>/``, contains checkpoint.pt, written after
each epoch, and history.json. The result is scores/NAME-<K>.npz: log scores of both heads as
float16, averaged over both mirror images, for the held-out fold (``heldout``, by ``index`` into
the training split), its aligned chips (``heldout_aligned``), PublicTest (``public``, for
reporting only) and the faces of photographs (``wild``).
"""

import contextlib
import copy
import json
import math
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from edge_fer.errors import ConfigError
from training.augment import augment
from training.data import resize
from training.recipe import Struct
from training.teachers.work import Work

SCORES = Path(__file__).parent / "scores"


class Options(Struct, frozen=True, kw_only=True):
    """Configure the training of a teacher."""

    sizes: tuple[int, ...]
    """Chip side in px of each epoch; scores are computed at the last one."""
    batch: int = 128
    rate: float = 4e-4
    """Peak learning rate of the trunk; the head has `HEAD` times this rate."""
    weight_decay: float = 0.02
    warmup: float = 0.08
    label_smoothing: float = 0.1
    votes: float = 0.5
    """Weight of the cross-entropy with the FER+ votes."""
    ema: float = 0.99
    aligned: float = 0.3
    """Share of chips that the run-time aligner has cut."""
    wild: float = 0.0
    """Additional faces of photographs, of the other folds, as a share of the batch."""
    strength: float = 0.7
    degrade: float = 0.5
    seed: int = 1


HEAD = 5.0

RECIPES = {
    "faceres": Options(sizes=(80,) * 4, rate=2e-4),
    "dlib": Options(sizes=(80,) * 5, rate=2e-4),
}
GPU_RECIPES = {
    "faceres": Options(sizes=(80,) * 12, batch=256, rate=3e-4),
    "dlib": Options(sizes=(80,) * 15, batch=256, rate=3e-4),
}
"""Longer schedules, for a GPU."""


def device_of(name: str = "auto") -> torch.device:
    """Return the named device; "auto" is a GPU if there is one, else the CPU."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(name)


def run_fold(
    net: nn.Module,
    work: Work,
    fold: int,
    options: Options,
    folder: Path,
    *,
    device: torch.device | None = None,
) -> dict[str, np.ndarray[Any, Any]]:
    """Train ``net`` on all folds except ``fold``, or resume, and return its scores.

    Raises:
        ConfigError: the folder contains a run with other options, or there are too few pictures.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _hold_to(options, folder / "options.json")
    fit = _Fit(net, work, fold, options, folder, device or device_of())
    fit.resume()
    while fit.epoch < len(options.sizes):
        fit.train_epoch()
    return fit.scores()


def _hold_to(options: Options, record: Path) -> None:
    text = msgspec.json.format(msgspec.json.encode(options), indent=1)
    if record.exists() and record.read_bytes() != text:
        raise ConfigError(f"{record.parent}: was started with other options; delete it to restart")
    record.write_bytes(text)


class _Fit:
    """Hold the state of one fold's training."""

    def __init__(
        self,
        net: nn.Module,
        work: Work,
        fold: int,
        options: Options,
        folder: Path,
        device: torch.device,
    ) -> None:
        self.work, self.options, self.folder, self.device = work, options, folder, device
        self.fold = fold
        self.ahead = 0 if device.type == "cpu" else 4
        self.wild = work.wild() if options.wild else None
        self.seen = (work.folds != fold).nonzero()[:, 0]
        self.heldout = (work.folds == fold).nonzero()[:, 0]
        self.steps = len(self.seen) // options.batch
        if not self.steps:
            raise ConfigError(f"batch = {options.batch}: must be at most {len(self.seen)}")
        torch.manual_seed(options.seed + fold)
        self.net = net.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.average = copy.deepcopy(self.net).requires_grad_(False)
        self.generator = torch.Generator().manual_seed(options.seed + fold)
        self.history: list[dict[str, float]] = []
        self.epoch = 0
        self.optimizer = self._optimizer()

    def _optimizer(self) -> torch.optim.Optimizer:
        kinds: dict[tuple[bool, bool], list[nn.Parameter]] = {}
        for name, value in self.net.named_parameters():
            kinds.setdefault((name.startswith("trunk"), value.ndim > 1), []).append(value)
        groups = [
            {
                "params": values,
                "factor": 1.0 if trunk else HEAD,
                "weight_decay": self.options.weight_decay if matrix else 0.0,
            }
            for (trunk, matrix), values in kinds.items()
        ]
        return torch.optim.AdamW(groups, lr=self.options.rate, fused=True)

    def _autocast(self) -> contextlib.AbstractContextManager[Any]:
        """Enable bfloat16 on a GPU; on CPUs it slows depthwise convolutions down many times."""
        if self.device.type == "cuda":
            return torch.autocast("cuda", torch.bfloat16)
        return contextlib.nullcontext()

    def resume(self) -> None:
        path = self.folder / "checkpoint.pt"
        if not path.exists():
            return
        saved: dict[str, Any] = torch.load(path, map_location=self.device, weights_only=True)
        self.net.load_state_dict(saved["net"])
        self.average.load_state_dict(saved["average"])
        self.optimizer.load_state_dict(saved["optimizer"])
        self.generator.set_state(saved["generator"].cpu())
        self.history = saved["history"]
        self.epoch = len(self.history)

    def train_epoch(self) -> None:
        """Train one epoch, record it and write a checkpoint."""
        started, total = time.perf_counter(), torch.zeros((), device=self.device)
        self.net.train()
        for number, batch in enumerate(self._ahead()):
            total += self._step(number, *(part.to(self.device) for part in batch))
        self.epoch += 1
        said = self._say(self.work.public.chips[::8]).exp()[:, :7].argmax(1)
        right = said == self.work.public.labels[::8]
        record = {
            "epoch": float(self.epoch),
            "loss": float(total) / self.steps,
            "public_eighth": float(right.float().mean()),
            "seconds": time.perf_counter() - started,
        }
        self.history.append(record)
        self._save()
        print(self.folder.name, json.dumps({k: round(v, 4) for k, v in record.items()}), flush=True)

    def _ahead(self) -> Iterator[list[torch.Tensor]]:
        """Yield the batches of an epoch; a thread prepares them in advance for a GPU."""
        order = self.seen[torch.randperm(len(self.seen), generator=self.generator)]
        rows = order[: self.steps * self.options.batch].view(self.steps, -1)
        if not self.ahead:
            yield from map(self._batch, rows)
            return
        with ThreadPoolExecutor(1) as maker:
            waiting = [maker.submit(self._batch, row) for row in rows[: self.ahead]]
            for row in rows[self.ahead :]:
                yield waiting.pop(0).result()
                waiting.append(maker.submit(self._batch, row))
            yield from (one.result() for one in waiting)

    def _batch(self, index: torch.Tensor) -> list[torch.Tensor]:
        """Return augmented chips, labels and vote shares."""
        train, options = self.work.train, self.options
        chips = train.chips[index]
        if options.aligned:
            if train.aligned is None:
                raise ConfigError("aligned: must be 0 where no aligned chips are given")
            draw = torch.rand(len(index), 1, 1, 1, generator=self.generator)
            chips = torch.where(draw < options.aligned, train.aligned[index], chips)
        labels, votes = train.labels[index], train.votes[index]
        if options.wild and (wild := self.wild) is not None:
            known = ((wild.labels >= 0) & (wild.fold != self.fold)).nonzero()[:, 0]
            count = round(options.wild * len(index))
            extra = known[torch.randint(len(known), (count,), generator=self.generator)]
            chips = torch.cat([chips, resize(wild.chips[extra], chips.shape[-1])])
            labels = torch.cat([labels, wild.labels[extra]])
        chips = augment(chips, self.generator, strength=options.strength, degrade=options.degrade)
        return [chips, labels, votes]

    def _step(
        self, number: int, chips: torch.Tensor, labels: torch.Tensor, votes: torch.Tensor
    ) -> torch.Tensor:
        options, step = self.options, self.epoch * self.steps + number
        done = step / (self.steps * len(options.sizes))
        for group in self.optimizer.param_groups:
            group["lr"] = options.rate * group["factor"] * _share(done, options.warmup)
        chips = resize(chips, options.sizes[self.epoch])
        with self._autocast():
            logits = self.net(chips.contiguous(memory_format=torch.channels_last)).float()
        loss = loss_of(logits, labels, votes, options)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.net.parameters(), 5.0)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        decay = min(options.ema, (1 + step) / (10 + step))
        with torch.no_grad():
            for mean, value in zip(self.average.parameters(), self.net.parameters(), strict=True):
                mean.lerp_(value, 1 - decay)
        return loss.detach()

    def _save(self) -> None:
        saved = {
            "net": self.net.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "generator": self.generator.get_state(),
            "history": self.history,
        }
        partial = self.folder / "checkpoint.part"
        torch.save(saved, partial)
        partial.replace(self.folder / "checkpoint.pt")
        (self.folder / "history.json").write_text(json.dumps(self.history, indent=1))

    def scores(self) -> dict[str, np.ndarray[Any, Any]]:
        """Return the scores of the averaged network for all pictures outside its training set."""
        train, wild = self.work.train, self.wild or self.work.wild()
        asked = {"heldout": train.chips[self.heldout], "public": self.work.public.chips}
        if train.aligned is not None:
            asked["heldout_aligned"] = train.aligned[self.heldout]
        if wild is not None:
            asked["wild"] = wild.chips
        found = {name: self._say(chips).half().numpy() for name, chips in asked.items()}
        return {"index": self.heldout.numpy().astype(np.uint16), **found}

    @torch.inference_mode()
    def _say(self, chips: torch.Tensor) -> torch.Tensor:
        """Return log scores (N, 7 + 8), averaged over both mirror images."""
        self.average.eval()
        size, rows = self.options.sizes[-1], []
        for part in torch.split(chips, 256):
            # FER-2013's resolution: the teacher was not trained on finer detail.
            shown = resize(resize(part, 48), size).to(self.device)
            total = torch.zeros(len(part), 15, device=self.device)
            for view in (shown, shown.flip(-1)):
                with self._autocast():
                    row = self.average(view.contiguous(memory_format=torch.channels_last)).float()
                total += torch.cat([row[:, :7].softmax(1), row[:, 7:].softmax(1)], 1) / 2
            rows.append(total.clamp(min=1e-7).log().cpu())
        return torch.cat(rows)


def loss_of(
    logits: torch.Tensor, labels: torch.Tensor, votes: torch.Tensor, options: Options
) -> torch.Tensor:
    """Return the loss for labels and votes, plus that of additional faces of photographs.

    The photographs contain almost only neutral and happy faces. The loss compares only the labels
    that occur among them, so that it does not lower the other emotions for photographs.
    ``votes`` (N, 8) belongs to the first N rows of ``logits`` and ``labels``.
    """
    count = len(votes)
    ours, theirs = logits[:count, :7], logits[:count, 7:]
    loss = F.cross_entropy(ours, labels[:count], label_smoothing=options.label_smoothing)
    loss = loss - options.votes * (votes * theirs.log_softmax(1)).sum(1).mean()
    if len(labels) == count:
        return loss
    present = torch.unique(labels[count:])
    among = torch.searchsorted(present, labels[count:])
    beside = F.cross_entropy(
        logits[count:, :7][:, present], among, label_smoothing=options.label_smoothing
    )
    return loss + (len(labels) - count) / count * beside


def _share(done: float, warmup: float) -> float:
    if done < warmup:
        return done / warmup
    return 0.5 * (1 + math.cos(math.pi * (done - warmup) / (1 - warmup)))


def write_scores(scores: dict[str, np.ndarray[Any, Any]], path: Path) -> None:
    """Write the scores of a fold atomically."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    with part.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **scores)
    part.replace(path)
