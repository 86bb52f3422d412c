"""The size of convolution weights before batch normalisation: what is computed does not depend on it, how fast it learns does.

A convolution without bias followed by batch normalisation computes the same for weights w and s w. A step of Adam has about the
same length whatever the gradients are, so weights that are ten times as large turn ten times as slowly (van Laarhoven 2017, *L2
Regularization versus Batch and Weight Normalization*). A long training at a high rate leaves large weights, and what starts
from them hardly moves at the rate that suits a network with small ones. Bringing the weights of a trained backbone to one size
makes a start from it independent of how it was trained in this respect.
"""

from __future__ import annotations

from collections.abc import Collection

import torch
from torch import nn

_CONVOLUTIONS = (nn.Conv2d, nn.ConvTranspose2d)


def normalised_convolutions(network: nn.Module) -> list[tuple[str, nn.Conv2d | nn.ConvTranspose2d, nn.BatchNorm2d]]:
    """The convolutions without bias that a batch normalisation follows: name, convolution, normalisation.

    What follows goes by the names of HRNets and ResNets: ``bn1`` follows ``conv1``, and in a sequence the next follows.
    """
    modules = dict(network.named_modules())
    found = []
    for name, layer in modules.items():
        if not isinstance(layer, _CONVOLUTIONS) or layer.bias is not None:
            continue
        parent, _, own = name.rpartition(".")
        following = str(int(own) + 1) if own.isdecimal() else own.replace("conv", "bn")
        norm = modules.get(f"{parent}.{following}" if parent else following)
        if isinstance(norm, nn.BatchNorm2d) and norm.num_features == layer.out_channels:
            found.append((name, layer, norm))
    return found


@torch.no_grad()
def rescale_convolutions(network: nn.Module, size: float, names: Collection[str]) -> None:
    """Bring the weights of convolutions before batch normalisation to one size, and the statistics with them, in place.

    What the network computes stays the same, but for the small constant that a normalisation adds to the variance.

    Args:
        network: the network whose layers are changed.
        size: the root mean square of each layer's weights.
        names: the names of the weights (``layer1.0.conv1.weight``) that are changed; others stay. Weights that are all zero
            stay too.
    """
    for name, layer, norm in normalised_convolutions(network):
        present = layer.weight.square().mean().sqrt()
        if f"{name}.weight" not in names or present == 0:
            continue
        factor = size / present
        layer.weight.mul_(factor)
        if norm.running_mean is not None and norm.running_var is not None:
            norm.running_mean.mul_(factor)
            norm.running_var.mul_(factor**2)
