"""The training loop: AdamW on a cosine schedule, averaged weights, a checkpoint every epoch.

Every batch is drawn from its own seed, so a run that was interrupted goes on as if it had not
been, with any number of workers. The device is chosen here: CUDA where there is one.
"""

import copy
import dataclasses
import json
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from edge_fer.errors import ConfigError
from edge_fer.types import Luma
from training.detector.loss import Targets, loss_of
from training.detector.measure import Run, measure
from training.detector.mosaic import Mosaics, Scene
from training.detector.net import FaceNet, Shape, parameters

SIZES = ((64, 64), (96, 96), (128, 128), (96, 160), (160, 192), (192, 160), (224, 224), (192, 256))
"""Heights and widths of the batches, drawn evenly."""


@dataclasses.dataclass(frozen=True, slots=True)
class Plan:
    """How long and how fast it learns."""

    epochs: int = 100
    steps: int = 250
    """Batches of an epoch."""
    pixels: int = 480_000
    """Of a batch; small pictures come in larger batches."""
    most: int = 32
    """Pictures of a batch."""
    rate: float = 2.5e-3
    decay: float = 0.02
    warmup: int = 500
    """Steps in which the learning rate rises."""
    average: float = 0.9985
    """Decay of the averaged weights per step."""
    every: int = 5
    """Epochs between two measurements."""
    seed: int = 1


class Batches(Dataset[tuple[Tensor, Targets]]):
    """The batches of one epoch; each is drawn from a seed of its own."""

    def __init__(self, mosaics: Mosaics, plan: Plan, epoch: int) -> None:
        self._mosaics, self._plan, self._epoch = mosaics, plan, epoch

    def __len__(self) -> int:
        return self._plan.steps

    def __getitem__(self, step: int) -> tuple[Tensor, Targets]:
        """Draw batch ``step``: luma (N, 1, H, W) uint8, and what is in it."""
        if step >= self._plan.steps:
            raise IndexError(step)
        draw = np.random.default_rng([self._plan.seed, self._epoch, step])
        size = SIZES[int(draw.integers(len(SIZES)))]
        count = min(self._plan.most, max(1, round(self._plan.pixels / (size[0] * size[1]))))
        scenes = [self._mosaics.scene(size, draw) for _ in range(count)]
        luma = torch.from_numpy(np.stack([scene.luma for scene in scenes])[:, None])
        return luma, Targets.of([(one.boxes, one.points, one.face) for one in scenes])


def device() -> torch.device:
    """Return the fastest device of this machine."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


class Training:
    """A run in its folder: checkpoint.pt, history.json."""

    def __init__(
        self, folder: Path, plan: Plan, shape: Shape, say: Callable[[str], None] = print
    ) -> None:
        self.folder, self.plan, self.say = folder, plan, say
        torch.manual_seed(plan.seed)
        self.device = device()
        net = FaceNet(shape).to(self.device)
        self.net: FaceNet = net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.average: FaceNet = copy.deepcopy(self.net).requires_grad_(False).eval()
        groups: list[dict[str, Any]] = [
            {"params": [p for p in self.net.parameters() if p.ndim > 1]},
            {"params": [p for p in self.net.parameters() if p.ndim <= 1], "weight_decay": 0.0},
        ]
        self.optimizer = torch.optim.AdamW(groups, lr=plan.rate, weight_decay=plan.decay)
        self.history: list[dict[str, Any]] = []
        folder.mkdir(parents=True, exist_ok=True)
        self._resume()

    def run(self, mosaics: Mosaics, sets: dict[str, list[Scene]], workers: int) -> FaceNet:
        """Train to the plan's end and return the averaged network."""
        self.say(f"{parameters(self.net)} parameters, {self.device}, {workers} workers")
        while len(self.history) < self.plan.epochs:
            record = self._epoch(mosaics, workers)
            if record["epoch"] % self.plan.every == 0 or record["epoch"] == self.plan.epochs:
                record["measured"] = measure(runner(self.average, self.device), sets)
            self.history.append(record)
            self._save()
            self.say(line(record))
        return self.average

    def _epoch(self, mosaics: Mosaics, workers: int) -> dict[str, Any]:
        epoch, started, parts = len(self.history), time.monotonic(), dict[str, float]()
        self.net.train()
        batches = Batches(mosaics, self.plan, epoch)
        loader = DataLoader(
            batches, batch_size=None, num_workers=workers, prefetch_factor=4 if workers else None
        )
        for step, (luma, targets) in enumerate(loader):
            self._set_rate(epoch * self.plan.steps + step)
            pixels = luma.to(self.device).float().contiguous(memory_format=torch.channels_last)
            with torch.autocast("cuda", torch.bfloat16, enabled=self.device.type == "cuda"):
                levels = self.net(pixels)
            loss, shares = loss_of(levels, targets.to(self.device))
            self.optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(self.net.parameters(), 5.0)
            self.optimizer.step()
            self._average(epoch * self.plan.steps + step)
            for name, share in shares.items():
                parts[name] = parts.get(name, 0.0) + share / self.plan.steps
        losses = {name: round(part, 4) for name, part in parts.items()}
        seconds = round(time.monotonic() - started, 1)
        return {"epoch": epoch + 1, "seconds": seconds, "loss": losses}

    def _set_rate(self, step: int) -> None:
        total = self.plan.epochs * self.plan.steps
        cosine = 0.5 * (1 + math.cos(math.pi * step / total))
        rate = self.plan.rate * min(1.0, (step + 1) / self.plan.warmup) * max(cosine, 0.01)
        for group in self.optimizer.param_groups:
            group["lr"] = rate

    @torch.no_grad()
    def _average(self, step: int) -> None:
        kept = min(self.plan.average, (1 + step) / (10 + step))
        for mean, now in zip(
            self.average.state_dict().values(), self.net.state_dict().values(), strict=True
        ):
            if mean.is_floating_point():
                mean.lerp_(now, 1 - kept)
            else:
                mean.copy_(now)

    def _save(self) -> None:
        state = {
            "plan": dataclasses.asdict(self.plan),
            "net": self.net.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "history": self.history,
        }
        target = self.folder / "checkpoint.pt"
        partial = target.with_suffix(".part")
        torch.save(state, partial)
        partial.replace(target)
        (self.folder / "history.json").write_text(json.dumps(self.history, indent=1) + "\n")

    def _resume(self) -> None:
        path = self.folder / "checkpoint.pt"
        if not path.exists():
            return
        state: dict[str, Any] = torch.load(path, weights_only=True, map_location=self.device)
        if state["plan"] != dataclasses.asdict(self.plan):
            raise ConfigError(f"{path}: was begun with another plan; delete it or give that one")
        self.net.load_state_dict(state["net"])
        self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.history = state["history"]

    def begin_with(self, weights: dict[str, Tensor]) -> None:
        """Start from given weights where no epoch is done yet."""
        if not self.history:
            self.net.load_state_dict(weights)
            self.average.load_state_dict(weights)


def runner(net: nn.Module, where: torch.device) -> Run:
    """Return the network as `measure` calls it."""
    net.eval()

    @torch.no_grad()
    def run(luma: Luma) -> np.ndarray:
        levels = net(torch.from_numpy(luma)[None, None].to(where).float())
        rows = torch.cat([level[0].flatten(1) for level in levels], 1).T.float()
        rows[:, 0] = rows[:, 0].sigmoid()
        return np.asarray(rows.cpu().numpy())

    return run


def line(record: dict[str, Any]) -> str:
    """Return an epoch's record as one line."""
    losses = " ".join(f"{name} {value:.3f}" for name, value in record["loss"].items())
    start = f"epoch {record['epoch']} {record['seconds']:.0f} s: {losses}"
    sets = record.get("measured")
    if sets is None:
        return start
    found = " ".join(
        f"{name} {100 * one['recall']:.1f}/{one['wrong']}"
        for name, one in sets.items()
        if "recall" in one
    )
    return (
        f"{start}; recall %/wrong: {found}; "
        f"iou {sets['mixed']['iou']:.3f} points {sets['mixed']['points']:.3f} "
        f"steady {100 * sets['steady']['centre']:.2f} % {100 * sets['steady']['side']:.2f} %"
    )
