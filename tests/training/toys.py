"""Small stand-ins: pictures that are easy to tell apart, and networks that learn them at once."""

from pathlib import Path

import numpy as np
import torch
from torch import nn

from edge_fer.evaluation.dataset import Dataset
from training.data import Split, to_split
from training.nets import NETS
from training.nets.blocks import Classifier
from training.recipe import Fit, Prune, Quantize, Recipe

OPTIONS = {
    "ultralight": {"stem": 8, "widths": [16, 24, 32], "blocks": [1, 1, 1]},
    "xception": {"stem": 8, "entry": [16, 24, 32], "middle": 1, "exit_width": 48},
    "resnet": {"widths": [8, 16, 24, 32]},
    "vgg": {"widths": [8, 16, 24, 32], "blocks": [1, 1, 1, 1]},
}
"""Of a tiny network of each kind."""

QUICK = Fit(epochs=4, batch=40, learning_rate=1e-2, ema=0.9, strength=0.3)

ENOUGH = Fit(epochs=4, batch=20, learning_rate=2e-2, distil=0.5, ema=0.9, strength=0.2)
"""To learn the toy pictures."""


def tiny_net(kind: str = "ultralight", *, dropout: float = 0.0, seed: int = 0) -> Classifier:
    torch.manual_seed(seed)
    return NETS[kind](**OPTIONS[kind], dropout=dropout)


def lived_in(net: nn.Module) -> nn.Module:
    """Give the norms statistics and scales as training leaves them; random ones otherwise."""
    torch.manual_seed(3)
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, std=0.2)
    net.train()
    with torch.no_grad():
        for seed in range(20):
            net(toy_split(each=4, seed=seed).chips)
    return net.eval()


def toy_pictures(each: int, seed: int = 0, noise: float = 50) -> Dataset:
    """``each`` pictures per label: a bright band whose height tells the label, and noise."""
    draw = np.random.RandomState(seed)
    labels = np.repeat(np.arange(7, dtype=np.uint8), each)
    rows = np.arange(48)[None, :, None] - (6 + 6 * labels[:, None, None].astype(float))
    images = 90 + 70 * np.exp(-(rows**2) / 6) + draw.normal(0, noise, (len(labels), 48, 48))
    images[:, 0, :2] = (0, 255)
    votes = np.zeros((len(labels), 10), np.uint8)
    votes[np.arange(len(labels)), labels] = 10
    votes[::5] = 0
    return Dataset(
        images=np.clip(images, 0, 255).astype(np.uint8),
        labels=labels,
        ids=np.arange(len(labels), dtype=np.int64),
        duplicate=draw.rand(len(labels)) < 0.1,
        votes=votes,
    )


def toy_split(each: int, seed: int = 0) -> Split:
    return to_split(toy_pictures(each, seed))


def write_fer2013(path: Path) -> Path:
    """Write toy pictures in the form of fer2013.npz."""
    parts = [toy_pictures(each, seed) for seed, each in enumerate((40, 10, 10))]
    np.savez(
        path,
        images=np.concatenate([part.images for part in parts]),
        label=np.concatenate([part.labels for part in parts]),
        usage=np.repeat(np.arange(3, dtype=np.uint8), [len(part) for part in parts]),
        ferplus_votes=np.concatenate([part.votes for part in parts]),
        id=np.concatenate([part.ids for part in parts]),
        duplicate=np.concatenate([part.duplicate for part in parts]),
    )
    return path


def toy_recipe(name: str = "toy", **changes: object) -> Recipe:
    settings = {
        "name": name,
        "net": "ultralight",
        "options": {**OPTIONS["ultralight"], "dropout": 0.0},
        "fit": ENOUGH,
        "prune": Prune(macs=0.3, steps=1, round_to=4, between=ENOUGH, last=ENOUGH),
        "quantize": Quantize(images=72, seed=7),
    }
    return Recipe(**{**settings, **changes})
