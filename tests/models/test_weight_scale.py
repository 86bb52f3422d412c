"""Convolutions before batch normalisation at another size: the same function, a faster start."""

import pytest
import torch
from torch import nn

from repro.models.backbones.hrnet import HRNet
from repro.models.backbones.resnet import ResNet
from repro.models.networks import HeatmapNetwork
from repro.models.simple_baseline import DeconvNetwork
from repro.models.weight_scale import normalised_convolutions, rescale_convolutions
from repro.skeletons.skeleton import COCO17

HR = HeatmapNetwork(backbone=HRNet(width=16, stem=8, stem_blocks=1, modules=(1, 1, 2), blocks=1))
RES = DeconvNetwork(backbone=ResNet(depth=50, width=8, blocks=(1, 1, 2, 1)), deconv_channels=8)


def trained(settings) -> nn.Module:
    """A network with weights and statistics of its own in every layer, in evaluation mode."""
    torch.manual_seed(0)
    network = settings.build(COCO17)
    for module in network.modules():
        if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
            nn.init.kaiming_normal_(module.weight)
    with torch.no_grad():
        for _ in range(3):
            network(torch.randn(4, 3, 64, 64))
    return network.eval()


@pytest.mark.parametrize("settings", [HR, RES], ids=["HRNet", "ResNet"])
def test_the_function_stays_and_every_layer_has_the_size(settings):
    network = trained(settings)
    images = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        before = network(images)["heatmaps"]
        rescale_convolutions(network, 0.25, set(network.state_dict()))
        after = network(images)["heatmaps"]
    torch.testing.assert_close(after, before, rtol=1e-3, atol=1e-3 * before.abs().max().item())
    sizes = [layer.weight.square().mean().sqrt().item() for _, layer, _ in normalised_convolutions(network)]
    assert sizes == pytest.approx([0.25] * len(sizes))


@pytest.mark.parametrize("settings", [HR, RES], ids=["HRNet", "ResNet"])
def test_every_convolution_without_bias_has_its_normalisation(settings):
    network = settings.build(COCO17)
    found = {name for name, _, _ in normalised_convolutions(network)}
    layers = dict(network.named_modules())
    kinds = (nn.Conv2d, nn.ConvTranspose2d)
    assert found == {name for name, layer in layers.items() if isinstance(layer, kinds) and layer.bias is None}
    assert len({id(norm) for _, _, norm in normalised_convolutions(network)}) == len(found)


def test_a_layer_by_hand():
    network = nn.Sequential(nn.Conv2d(1, 1, 1, bias=False), nn.BatchNorm2d(1), nn.Conv2d(1, 1, 1))
    with torch.no_grad():
        network[0].weight.fill_(-4.0)
        network[1].running_mean.fill_(2.0)
        network[1].running_var.fill_(8.0)
        last = network[2].weight.clone()
    rescale_convolutions(network, 1.0, {"0.weight", "2.weight"})
    # a quarter of the weight, of the mean and, squared, of the variance; a layer with bias stays
    assert network[0].weight.item() == -1.0
    assert network[1].running_mean.item() == 0.5 and network[1].running_var.item() == 0.5
    assert torch.equal(network[2].weight, last)


def test_layers_that_are_not_named_and_layers_of_zeros_stay():
    network = nn.Sequential(nn.Conv2d(1, 1, 1, bias=False), nn.BatchNorm2d(1))
    before = network[0].weight.clone()
    rescale_convolutions(network, 1.0, set())
    assert torch.equal(network[0].weight, before)
    nn.init.zeros_(network[0].weight)
    rescale_convolutions(network, 1.0, {"0.weight"})
    assert network[0].weight.item() == 0.0 and network[1].running_var.item() == 1.0
