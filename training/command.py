"""Share between the commands of training/: the recipe, the threads, and one-line errors."""

import argparse
import sys
from collections.abc import Callable

import torch

from edge_fer.errors import EdgeFerError
from training.recipe import Recipe, read_recipe


def make_parser(description: str | None) -> argparse.ArgumentParser:
    """Return a parser with the options of every command."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("recipe", help="name of a file in training/recipes, without .toml")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    return parser


def run(
    parser: argparse.ArgumentParser, work: Callable[[Recipe, argparse.Namespace], object]
) -> int:
    """Call ``work`` with the recipe and the arguments; return the exit code."""
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    return answer(lambda: work(read_recipe(arguments.recipe), arguments))


def answer(work: Callable[[], object]) -> int:
    """Call ``work``, print an error as one line, and return the exit code."""
    try:
        work()
    except EdgeFerError as error:
        print(f"training: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    return 0
