"""The published bottom-up networks: HigherHRNet, and the four heatmap-guided networks of the released code.

What differs from the networks here, besides names:

- the released heatmap head has three branches whose convolutions share their weights; a file holds each weight three times. They
  must be equal;
- each adaptive block has the kernel's regular positions as a buffer ``regular_matrix``, rows y and x. It must be that one;
- the released trainer counts the centre as one more joint: the last of the regression head's 2K + 1 maps is the centre map, the
  others are the offsets x, y of each joint, pixel - joint. All of it is so here;
- HigherHRNet's first 2K maps are K heatmaps and K tag maps, as here.
"""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor, nn

from repro.models.backbones.hrnet import HRNet
from repro.models.deformable import regular_grid
from repro.models.guided import GuidedHigherHRNet, GuidedHRNet, GuidedNetwork
from repro.models.higher import HigherHRNet
from repro.models.published.family import Family, first_size

BRANCHES = 3  # of the released heatmap head
HEATMAP, REGRESSION = "multi_level_layers_4x_heatmap", "multi_level_layers_4x_regression"
_LAYERS = {
    "heat_reduction": "transition_cls",
    "regression_reduction": "transition_reg",
    "final_layer": "final_layers.0",
    "regression_layer": "final_layers.1",
}
_CONVOLUTIONS = {"transform": "transform_matrix_conv", "adaptive": "stn_conv"}


def _upsampled_source(rest: str, final: int) -> tuple[str, ...]:
    """The published name of a tensor of ``upsampled``; ``final`` is the number of the last layer."""
    part, _, rest = rest.partition(".")
    if part == "final_layer":
        return (f"final_layers.{final}.{rest}",)
    block, _, rest = rest.partition(".")
    return (f"deconv_layers.0.{block}.{rest}",) if block == "0" else (f"deconv_layers.0.{block}.0.{rest}",)


def _block_sources(layers: str, branches: int, rest: str) -> tuple[str, ...]:
    """The published names of a tensor of ``AdaptiveBlocks``: one a branch where the weight is shared."""
    part, _, rest = rest.partition(".")
    kind, number = part[:-1], part[-1]
    if kind == "bn":
        branch, _, rest = rest.partition(".")
        return (f"{layers}.{branch}.0.bn{number}.{rest}",)
    convolution = _CONVOLUTIONS[kind] + number
    if rest.startswith("biases."):
        return (f"{layers}.{rest.removeprefix('biases.')}.0.{convolution}.bias",)
    return tuple(f"{layers}.{branch}.0.{convolution}.{rest}" for branch in range(branches))


def higher_sources(name: str) -> tuple[str, ...]:
    """The published names of a tensor of ``HigherHRNet``."""
    part, _, rest = name.partition(".")
    if part == "upsampled":
        return _upsampled_source(rest, final=1)
    return (f"final_layers.0.{rest}",) if part == "final_layer" else (name,)


def guided_sources(name: str) -> tuple[str, ...]:
    """The published names of a tensor of ``GuidedHRNet`` or ``GuidedHigherHRNet``."""
    part, _, rest = name.partition(".")
    if part == "upsampled":
        return _upsampled_source(rest, final=2)
    if part == "heat_blocks":
        return _block_sources(HEATMAP, BRANCHES, rest)
    if part == "regression_blocks":
        return _block_sources(REGRESSION, 1, rest)
    return (f"{_LAYERS[part]}.{rest}",) if part in _LAYERS else (name,)


def regular_matrices() -> dict[str, Tensor]:
    """The buffers of the released adaptive blocks: (2, 9) positions of the kernel, y then x, row by row."""
    matrix = regular_grid(torch.zeros(())).flip(1).T.contiguous()
    blocks = [*(f"{HEATMAP}.{branch}" for branch in range(BRANCHES)), f"{REGRESSION}.0"]
    return {f"{block}.0.regular_matrix": matrix for block in blocks}


def _higher(width: int, keypoints: int) -> nn.Module:
    return HigherHRNet(HRNet(width=width), keypoints=keypoints, blocks=4)


def _guided(width: int, higher: bool, keypoints: int) -> nn.Module:
    settings = GuidedNetwork(backbone=HRNet(width=width, multi_scale_stage4=True))
    if higher:
        return GuidedHigherHRNet(settings, keypoints=keypoints, blocks=1)
    return GuidedHRNet(settings, keypoints=keypoints)


def higherhrnet(width: int) -> Family:
    """HigherHRNet of that width."""
    marks = ("deconv_layers.0.0.0.weight", "final_layers.0.weight", "final_layers.1.weight")
    return Family(
        name=f"higherhrnet-w{width}",
        build=partial(_higher, width),
        keypoints=first_size("final_layers.1.weight"),
        marks={"transition1.0.0.weight": (width,), **dict.fromkeys(marks, ())},
        absent=("transition_cls",),
        sources=higher_sources,
    )


def guided(width: int, *, higher: bool = False) -> Family:
    """The heatmap-guided network of that width; ``higher`` with heatmaps at half the input's size too."""
    marks = ("transition_cls.0.weight", f"{HEATMAP}.0.0.stn_conv1.weight", *["deconv_layers.0.0.0.weight"] * higher)
    return Family(
        name=f"hgr-{'hr' * higher}w{width}",
        build=partial(_guided, width, higher),
        keypoints=first_size("final_layers.0.weight"),
        marks={"transition1.0.0.weight": (width,), **dict.fromkeys(marks, ())},
        absent=() if higher else ("deconv_layers",),
        sources=guided_sources,
        constants=regular_matrices(),
    )
