"""What the package asks of every backbone, whatever it is."""

from __future__ import annotations

import pytest
import torch

from repro.models.backbones.dla import DLA
from repro.models.backbones.hourglass import Hourglass
from repro.models.backbones.hrnet import HRNet
from repro.models.backbones.resnet import ResNet

BACKBONES = [HRNet(), HRNet(multi_scale_stage4=True), ResNet(), DLA(), Hourglass()]


@pytest.mark.parametrize("backbone", [b.reduced() for b in BACKBONES], ids=lambda b: type(b).__name__)
def test_features_have_the_stride_and_the_channels_that_settings_name(backbone):
    with torch.no_grad():
        features = backbone.build().eval()(torch.zeros(1, 3, 128, 64))
    assert tuple(x.shape[1] for x in features) == backbone.outputs
    assert features[0].shape[2:] == (128 // backbone.stride, 64 // backbone.stride)


@pytest.mark.parametrize("backbone", BACKBONES, ids=lambda b: type(b).__name__)
def test_reduced_backbones_are_smaller_and_of_the_same_kind(backbone):
    def size(one):
        with torch.device("meta"):
            return sum(p.numel() for p in one.build().parameters())

    assert type(backbone.reduced()) is type(backbone)
    assert size(backbone.reduced()) < size(backbone) / 3


def test_what_names_a_warm_start():
    assert [backbone.warm_option for backbone in BACKBONES] == ["--width 32", "--width 32", "--depth 50", "", ""]
    assert [backbone.warm_name is None for backbone in BACKBONES] == [False, False, False, True, True]
    assert HRNet(multi_scale_stage4=True).plain() == HRNet(fuse_width=128).plain() == HRNet()
    assert ResNet(depth=101).plain() == ResNet(depth=101)
