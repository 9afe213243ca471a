"""Train the fp32 parent of a recipe: ``python -m training.train ultralight``."""

import argparse

import torch
from torch import nn

from training.data import read_split
from training.fit import fit, load_module
from training.nets import NETS
from training.recipe import RUNS, Recipe, read_recipe


def train(recipe: Recipe) -> nn.Module:
    """Train, or load if it is trained already, the recipe's parent network."""
    torch.manual_seed(recipe.seed)
    net = NETS[recipe.net](**recipe.options)
    return fit(
        net, read_split("train"), read_split("public"), recipe.fit, RUNS / recipe.name / "parent",
        seed=recipe.seed, teacher=load_teacher(recipe),
    )  # fmt: skip


def load_teacher(recipe: Recipe) -> nn.Module | None:
    """The teacher's averaged network; its own recipe is trained first where needed."""
    if recipe.teacher is None:
        return None
    final = RUNS / recipe.teacher / "parent" / "final.pt"
    teacher = load_module(final) if final.exists() else train(read_recipe(recipe.teacher))
    return teacher.to(memory_format=torch.channels_last)


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recipe", help="name of a file in training/recipes, without .toml")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    train(read_recipe(arguments.recipe))


if __name__ == "__main__":
    main()
