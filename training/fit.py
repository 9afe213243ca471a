"""Train: AdamW on a cosine schedule, averaged weights, a checkpoint every epoch.

A run lives in its folder: checkpoint.pt (to go on from), history.json, curves.png and, once it
is finished, final.pt with the averaged network. Calling `fit` again goes on where it stopped.
"""

import copy
import dataclasses
import json
import math
import time
from pathlib import Path
from typing import Any

import msgspec
import torch
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from torch import nn

from edge_fer.errors import ConfigError
from training.augment import augment, blend
from training.data import Split, resize
from training.loss import loss_of
from training.plots import plot_history
from training.precision import half_precision
from training.recipe import Fit


def fit(
    net: nn.Module,
    train: Split,
    valid: Split,
    options: Fit,
    folder: Path,
    *,
    seed: int = 1,
) -> nn.Module:
    """Train ``net`` and return the averaged network, in evaluation mode.

    Raises:
        ConfigError: the folder holds a run with other options, or there are too few pictures.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _hold_to_options(folder / "options.json", options, len(train))
    final = folder / "final.pt"
    if final.exists():
        return load_module(final)
    valid = dataclasses.replace(valid, chips=resize(valid.chips, options.sizes[0]))
    run = _Run(net, options, folder, seed, len(train))
    run.resume()
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns) as progress:
        bar = progress.add_task(folder.name, total=options.epochs * run.steps, completed=run.step)
        while run.epoch < options.epochs:
            record = run.train_epoch(train, lambda: progress.advance(bar))
            record["valid_accuracy"] = accuracy(run.average, valid)
            run.finish_epoch(record)
            progress.console.print(_line(record))
    torch.save(run.average.eval(), final)
    return run.average


def _hold_to_options(record: Path, options: Fit, count: int) -> None:
    """Refuse to go on with a run that was begun with other options."""
    if count < options.batch:
        raise ConfigError(f"fit.batch = {options.batch}: must be at most {count}, the pictures")
    text = msgspec.json.format(msgspec.json.encode(options), indent=1)
    if record.exists() and record.read_bytes() != text:
        raise ConfigError(
            f"{record.parent}: was started with other options; delete it to start again"
        )
    record.write_bytes(text)


def load_module(path: Path) -> nn.Module:
    """Load a network that `fit` has saved, in evaluation mode."""
    net: nn.Module = torch.load(path, weights_only=False)
    return net.eval()


def accuracy(net: nn.Module, split: Split) -> float:
    """Return the share of ``split`` whose FER-2013 label has the highest score."""
    return float((said(net, split) == split.labels).float().mean())


@torch.no_grad()
def said(net: nn.Module, split: Split) -> torch.Tensor:
    """Return the label (N,) with the highest score for each picture of ``split``."""
    net.eval()
    with half_precision():
        rows = [net(chips)[:, :-8].argmax(1) for chips in torch.split(split.chips, 512)]
    return torch.cat(rows)


class _Run:
    """The state of one run, and how it is saved."""

    def __init__(self, net: nn.Module, options: Fit, folder: Path, seed: int, count: int) -> None:
        # What an earlier run averaged comes frozen.
        net = net.requires_grad_(True)
        self.net: nn.Module = net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.average: nn.Module = copy.deepcopy(self.net).requires_grad_(False)
        self.options, self.folder = options, folder
        self.steps = count // options.batch
        self.epoch = self.step = 0
        self.history: list[dict[str, float]] = []
        self.generator = torch.Generator().manual_seed(seed)
        torch.manual_seed(seed)  # dropout draws from the global generator
        groups: list[dict[str, Any]] = [
            {"params": [p for p in net.parameters() if p.ndim > 1]},
            {"params": [p for p in net.parameters() if p.ndim <= 1], "weight_decay": 0.0},
        ]
        self.optimizer = torch.optim.AdamW(
            groups,
            lr=options.learning_rate,
            weight_decay=options.weight_decay,
            fused=True,
        )

    def resume(self) -> None:
        path = self.folder / "checkpoint.pt"
        if not path.exists():
            return
        saved: dict[str, Any] = torch.load(path, weights_only=False)
        self.net.load_state_dict(saved["net"])
        self.average.load_state_dict(saved["average"])
        self.optimizer.load_state_dict(saved["optimizer"])
        self.generator.set_state(saved["generator"])
        torch.set_rng_state(saved["dropout"])
        self.history = saved["history"]
        self.epoch = len(self.history)
        self.step = self.epoch * self.steps

    def train_epoch(self, train: Split, tick: Any) -> dict[str, float]:
        started, total = time.perf_counter(), 0.0
        self.net.train()
        batch = self.options.batch
        for index in torch.split(self._draw(train)[: self.steps * batch], batch):
            chips = augment(
                self._pick(train, index),
                self.generator,
                strength=self.options.strength,
                degrade=self.options.degrade,
            )
            loss = self._loss(train, index, chips)
            self._update(loss)
            total += float(loss.detach())
            tick()
        self.epoch += 1
        return {
            "epoch": self.epoch,
            "loss": total / self.steps,
            "seconds": time.perf_counter() - started,
        }

    def _draw(self, train: Split) -> torch.Tensor:
        """Return the epoch's order; with ``balance``, rare labels come more than once."""
        if self.options.balance == 0:
            return torch.randperm(len(train), generator=self.generator)
        labels = train.labels
        if train.guide is not None:
            labels = torch.where(labels < 0, train.guide[:, :-8].argmax(1), labels)
        weight = torch.bincount(labels).float() ** -self.options.balance
        return torch.multinomial(
            weight[labels], len(train), replacement=True, generator=self.generator
        )

    def _pick(self, train: Split, index: torch.Tensor) -> torch.Tensor:
        """Return the chips of a batch, some of them aligned."""
        if self.options.aligned == 0:
            return train.chips[index]
        if train.aligned is None:
            raise ConfigError("fit.aligned: must be 0 where no aligned chips are given")
        draw = torch.rand(len(index), 1, 1, 1, generator=self.generator)
        return torch.where(draw < self.options.aligned, train.aligned[index], train.chips[index])

    def _loss(self, train: Split, index: torch.Tensor, chips: torch.Tensor) -> torch.Tensor:
        """Return the loss of the batch ``index``, whose chips may be blended with partners."""
        chips, partner, weight = blend(chips, self.generator, share=self.options.mixup)
        with half_precision():
            logits = self.net(self._resize(chips)).float()

        def against(rows: torch.Tensor) -> torch.Tensor:
            guide = None if train.guide is None else train.guide[rows]
            return loss_of(logits, train.labels[rows], train.votes[rows], guide, self.options)

        if weight == 1:
            return against(index)
        return weight * against(index) + (1 - weight) * against(index[partner])

    def _resize(self, chips: torch.Tensor) -> torch.Tensor:
        sizes = self.options.sizes
        size = sizes[int(torch.randint(len(sizes), (1,), generator=self.generator))]
        return resize(chips, size).contiguous(memory_format=torch.channels_last)

    def _update(self, loss: torch.Tensor) -> None:
        rate = _rate(self.step / (self.steps * self.options.epochs), self.options)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.net.parameters(), 5.0)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.step += 1
        # Early on the average would otherwise consist of the random start.
        decay = min(self.options.ema, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            state = self.net.state_dict()
            for name, value in self.average.state_dict().items():
                if value.dtype.is_floating_point:
                    value.lerp_(state[name], 1 - decay)

    def finish_epoch(self, record: dict[str, float]) -> None:
        self.history.append(record)
        saved = {
            "net": self.net.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "generator": self.generator.get_state(),
            "dropout": torch.get_rng_state(),
            "history": self.history,
        }
        partial = self.folder / "checkpoint.part"
        torch.save(saved, partial)
        partial.replace(self.folder / "checkpoint.pt")
        (self.folder / "history.json").write_text(json.dumps(self.history, indent=1))
        plot_history(self.history, self.folder / "curves.png")


def _rate(progress: float, options: Fit) -> float:
    if progress < options.warmup:
        return options.learning_rate * progress / options.warmup
    rest = (progress - options.warmup) / (1 - options.warmup)
    return options.learning_rate * 0.5 * (1 + math.cos(math.pi * rest))


def _line(record: dict[str, float]) -> str:
    return (
        f"epoch {record['epoch']:3.0f}  loss {record['loss']:.4f}  "
        f"validation {record['valid_accuracy']:.4f}  {record['seconds']:.0f} s"
    )
