"""What all settings of networks have in common."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Self, cast

from torch import nn

from repro.errors import ReproError
from repro.skeletons.skeleton import Skeleton
from repro.support.foreign import code_of, kind_of, title


def quarter(channels: int) -> int:
    """A quarter of a number of channels, rounded up."""
    return -(-channels // 4)


class OnBackbone:
    """Settings of a network with a field ``backbone``: the rule by which reduced scales make it smaller."""

    def reduced(self) -> Self:
        """The network on its reduced backbone."""
        own = cast(Any, self)
        return replace(own, backbone=own.backbone.reduced())


def built(network: Any, skeleton: Skeleton) -> nn.Module:
    """The module that the settings of a network build for the keypoints of a skeleton.

    Raises:
        ReproError: where settings of another package end with an error, or build no module.
    """
    with code_of(network, f"when it is built for {len(skeleton)} keypoints"):
        module = network.build(skeleton)
    if not isinstance(module, nn.Module):
        raise ReproError(
            f"{title(network)} builds {kind_of(module)}, expected a module of torch: return an nn.Module from build."
        )
    return module


def reduced(network: Any) -> Any:
    """The settings of a network as reduced scales have them. Raises ReproError where those of another package fail."""
    with code_of(network, "when it is reduced to a smaller scale"):
        return network.reduced()
