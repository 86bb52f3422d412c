"""The published top-down networks: HRNet and SimpleBaseline, whose official names are those here.

HRNet's files are those of ``deep-high-resolution-net.pytorch``, DARK's have the same names, and mmpose's differ by prefixes.
SimpleBaseline's are those of the same repository's ``pose_resnet`` and of mmpose. timm publishes no network for poses.
"""

from __future__ import annotations

from functools import partial

from torch import nn

from repro.models.backbones.hrnet import HRNet
from repro.models.backbones.resnet import BLOCKS, ResNet
from repro.models.networks import HeatmapHRNet
from repro.models.published.family import Family, first_size
from repro.models.simple_baseline import HeatmapResNet

# Of networks of this package that have HRNet's names too.
_OTHERS = ("transition_cls", "heat_reduction", "upsampled", "skeletal_attention", "deconv_layers", "final_layers")


def _hrnet(width: int, keypoints: int) -> nn.Module:
    return HeatmapHRNet(HRNet(width=width), keypoints=keypoints)


def _simple_baseline(depth: int, keypoints: int) -> nn.Module:
    return HeatmapResNet(ResNet(depth=depth), maps=keypoints, deconv_channels=256)  # type: ignore[arg-type]


def hrnet(width: int) -> Family:
    """HRNet of that width."""
    return Family(
        name=f"hrnet-w{width}",
        build=partial(_hrnet, width),
        keypoints=first_size("final_layer.weight"),
        marks={"transition1.0.0.weight": (width,), "final_layer.weight": ()},
        absent=_OTHERS,
    )


def simple_baseline(depth: int) -> Family:
    """SimpleBaseline with a ResNet of that depth, which the number of blocks of its second and third stage tells."""
    _, second, third, _ = BLOCKS[depth]
    marks = (
        f"layer2.{second - 1}.conv1.weight",
        f"layer3.{third - 1}.conv1.weight",
        "deconv_layers.0.weight",
        "final_layer.weight",
    )
    return Family(
        name=f"simple-baseline-r{depth}",
        build=partial(_simple_baseline, depth),
        keypoints=first_size("final_layer.weight"),
        marks=dict.fromkeys(marks, ()),
        absent=(f"layer2.{second}", f"layer3.{third}", "transition1"),
    )
