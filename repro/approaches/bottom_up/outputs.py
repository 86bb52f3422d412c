"""The maps of whole images, averaged with those of the mirror image (flip test of bottom-up methods).

The released code of Sun et al. ("Bottom-Up Human Pose Estimation by Ranking Heatmap-Guided Adaptive Keypoint Estimates", 2020)
moves the mirror image by stride - 1 px to the left before the network sees it. Then the mirrored-back maps lie exactly on those
of the image: pixel i of n of a map stands for input px stride * i, which the mirror shows at W - 1 - stride * i, and pixel
n - 1 - i of the moved mirror's map for W - stride - stride * i + stride - 1, the same. Maps of another stride ask for another
shift, hence for another pass. HigherHRNet's and CenterNet's codes leave the shift out; here all methods have it.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from repro.decoders.flip import joined, mirrored_back
from repro.recipe import Recipe
from repro.skeletons.skeleton import Skeleton
from repro.training.device import network_products
from repro.training.precision import autocast
from repro.training.returned import maps_of


def mirrored_images(images: Tensor, shift: int) -> Tensor:
    """The mirror images of (B, 3, H, W), moved ``shift`` px to the left; what comes in on the right is 0, the mean colour."""
    mirrored = images.flip(-1)
    return torch.cat([mirrored[..., shift:], torch.zeros_like(mirrored[..., :shift])], -1) if shift else mirrored


def scene_outputs(network: nn.Module, images: Tensor, recipe: Recipe, skeleton: Skeleton) -> dict[str, Tensor]:
    """Float32 maps of images (B, 3, H, W) by name, as groupers read them.

    With the flip test each map is joined with that of the mirror image as the network says (``Output.flip``); maps that it does
    not describe, because losses alone read them, are left out then.
    """

    def float_maps(shown: Tensor) -> dict[str, Tensor]:
        with autocast(recipe, shown.device), network_products(recipe, shown.device):
            maps = maps_of(network, shown, recipe.method.network)
        return {name: value.float() for name, value in maps.items()}

    own = float_maps(images)
    if not recipe.evaluation.flip:
        return own
    described = {name: output for name, output in recipe.method.network.outputs.items() if name in own}
    shown = {output.stride for output in described.values() if output.flip != "own"}
    mirrors = {stride: float_maps(mirrored_images(images, stride - 1)) for stride in sorted(shown, reverse=True)}
    out = {name: own[name] for name, output in described.items() if output.flip == "own"}
    for name, output in described.items():
        if output.flip != "own":
            back = mirrored_back(mirrors[output.stride][name], output, skeleton)
            out[name] = joined(own[name], back, output)
    return out
