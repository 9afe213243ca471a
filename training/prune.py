"""Prune whole channels, so that the following layers shrink too.

Groups and importance are torch-pruning's (Fang et al. 2023, arXiv 2301.12900); after each
step the network is fine-tuned.
"""

import copy
import sys

import torch
import torch_pruning as tp
from torch import nn

from edge_fer.errors import ConfigError
from training.command import make_parser, run
from training.data import SPEC, read_split
from training.fit import accuracy, fit
from training.nets import new_net
from training.nets.blocks import AttentionGate, Classifier
from training.parents import find_parent
from training.recipe import RUNS, Prune, Recipe, origin
from training.train import training_split


def prune(recipe: Recipe) -> nn.Module:
    """Prune the recipe's parent in steps and return the fine-tuned network."""
    if recipe.prune is None:
        return find_parent(recipe)
    options, folder = recipe.prune, RUNS / recipe.name
    net = find_parent(recipe)
    chips, valid = training_split(recipe), read_split("public")
    print(f"parent: {_describe(net)}, PublicTest {accuracy(net, valid):.4f}")
    full = count_macs(new_net(origin(recipe)))
    for step in range(1, options.steps + 1):
        share = options.macs * step / options.steps
        net = cut(net, int(full * (1 - share)), options)
        print(
            f"step {step}: {_describe(net)}, PublicTest before fine-tuning "
            f"{accuracy(net, valid):.4f}"
        )
        last = step == options.steps
        net = fit(
            net,
            chips,
            valid,
            options.last if last else options.between,
            folder / f"pruned{step}",
            seed=recipe.seed + step,
        )
        print(f"step {step}: PublicTest {accuracy(net, valid):.4f}")
    if options.polish is not None:
        net = fit(
            net,
            chips,
            valid,
            options.polish,
            folder / "polished",
            seed=recipe.seed + options.steps + 1,
        )
        print(f"polished: PublicTest {accuracy(net, valid):.4f}")
    return net


def cut(net: nn.Module, macs: int, options: Prune) -> nn.Module:
    """Return a copy of ``net`` with at most ``macs`` multiply-accumulates.

    Channels compete across the whole network by the mean magnitude of their weights.

    Raises:
        ConfigError: not that many can go.
    """
    net = copy.deepcopy(net).to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    net = net.requires_grad_(True).eval()
    example = torch.zeros(1, 1, SPEC.sizes[0], SPEC.sizes[0])
    heads = [module.head for module in net.modules() if isinstance(module, Classifier)]
    gates = [module.reduce for module in net.modules() if isinstance(module, AttentionGate)]
    pruner = tp.pruner.BasePruner(
        net,
        example,
        importance=tp.importance.GroupMagnitudeImportance(p=2),
        global_pruning=True,
        pruning_ratio=0.9,
        max_pruning_ratio=0.6,
        iterative_steps=200,
        round_to=options.round_to,
        ignored_layers=[*heads, *gates],
    )
    while count_macs(net) > macs and pruner.current_step < 200:
        pruner.step()
    if count_macs(net) > macs:
        raise ConfigError(f"prune.macs: {count_macs(net)} are the fewest possible, not {macs}")
    return net


def count_macs(net: nn.Module) -> int:
    """Return the multiply-accumulates of one chip of the default size."""
    size = SPEC.sizes[0]
    macs, _ = tp.utils.count_ops_and_params(net, torch.zeros(1, 1, size, size))
    return int(macs)


def _describe(net: nn.Module) -> str:
    parameters = sum(value.numel() for value in net.parameters())
    return f"{parameters:,} parameters, {count_macs(net) / 1e6:.2f} M MACs"


def main() -> int:
    """Run from the command line and return the exit code."""
    return run(make_parser(__doc__), lambda recipe, _: prune(recipe))


if __name__ == "__main__":
    sys.exit(main())
