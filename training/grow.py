"""Grow a wider network around a trained one; at the start both give the same answers.

The trained weights take the first places of each layer. What the new channels give to the old
ones weighs nothing yet, so that the function is kept (after Chen et al. 2016, arXiv 1511.05641);
their own weights are random, so that they learn something else.
"""

import torch
from torch import nn

from edge_fer.errors import ConfigError


def grow(net: nn.Module, inner: nn.Module) -> nn.Module:
    """Put the weights of ``inner`` into ``net``, in place; the same ``net`` is returned.

    Raises:
        ConfigError: the two are not the same layers, or one of ``inner`` is wider; one line.
    """
    state, within = net.state_dict(), inner.state_dict()
    if list(state) != list(within):
        raise ConfigError("grown: the network inside must have the same layers")
    for name, held in within.items():
        wide = state[name]
        if any(old > new for old, new in zip(held.shape, wide.shape, strict=True)):
            raise ConfigError(
                f"grown: {name} is {tuple(wide.shape)}, must be at least {tuple(held.shape)}, "
                "as in the network inside"
            )
        _put(wide, held)
    return net


def _put(wide: torch.Tensor, held: torch.Tensor) -> None:
    """Copy weights in place: outputs are axis 0, inputs axis 1; the state shares memory."""
    if held.ndim > 1:
        wide[: held.shape[0]] = 0
    wide[tuple(slice(size) for size in held.shape)] = held
