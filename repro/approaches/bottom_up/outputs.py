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

from repro.grouping.centernet import CenterNetGrouper
from repro.grouping.multi_scale import mirrored_offsets
from repro.recipe import Recipe
from repro.skeletons.skeleton import Skeleton
from repro.training.device import network_products
from repro.training.precision import autocast

HEAT = ("heatmaps", "heatmaps_2x", "centres")
OWN = ("centre_offsets", "keypoint_offsets")  # fractions of a pixel: CenterNet takes the image's own


def mirrored_images(images: Tensor, shift: int) -> Tensor:
    """The mirror images of (B, 3, H, W), moved ``shift`` px to the left; what comes in on the right is 0, the mean colour."""
    mirrored = images.flip(-1)
    return torch.cat([mirrored[..., shift:], torch.zeros_like(mirrored[..., :shift])], -1) if shift else mirrored


def mirrored_back(outputs: dict[str, Tensor], skeleton: Skeleton) -> dict[str, Tensor]:
    """What the maps of moved mirror images state for the images themselves, left and right exchanged.

    Args:
        outputs: ``heatmaps``, ``heatmaps_2x`` and ``tags`` (B, K, h, w), ``centres`` and ``sizes`` (B, 1 or 2, h, w) and
            ``offsets`` (B, 2K, h, w), as many of them as there are; others are left out.
        skeleton: of K keypoints.
    """
    order = list(skeleton.flip_permutation)
    back: dict[str, Tensor] = {}
    back |= {name: outputs[name].flip(-1) for name in ("centres", "sizes") if name in outputs}
    back |= {name: outputs[name].flip(-1)[:, order] for name in ("heatmaps", "heatmaps_2x", "tags") if name in outputs}
    if "offsets" in outputs:
        offsets = outputs["offsets"].unflatten(1, (-1, 2))
        back["offsets"] = torch.stack([mirrored_offsets(one, skeleton) for one in offsets]).flatten(1, 2)
    return back


def scene_outputs(network: nn.Module, images: Tensor, recipe: Recipe, skeleton: Skeleton) -> dict[str, Tensor]:
    """Float32 maps of images (B, 3, H, W) by name, as groupers read them.

    With the flip test heat, box sizes and offsets are means; ``tags`` (B, K, 2, h, w) has those of both; CenterNet's logits
    are averaged as probabilities and given back as logits.
    """

    def maps_of(shown: Tensor) -> dict[str, Tensor]:
        with autocast(recipe, shown.device), network_products(recipe, shown.device):
            maps = network(shown)
        return {name: value.float() for name, value in maps.items()}

    own = maps_of(images)
    if not recipe.evaluation.flip:
        return own
    stride = recipe.scene_input.stride
    back = mirrored_back(maps_of(mirrored_images(images, stride - 1)), skeleton)
    if "heatmaps_2x" in own:
        finer = maps_of(mirrored_images(images, stride // 2 - 1))
        back["heatmaps_2x"] = mirrored_back({"heatmaps_2x": finer["heatmaps_2x"]}, skeleton)["heatmaps_2x"]
    out = {name: own[name] for name in OWN if name in own}
    if "tags" in own:
        out["tags"] = torch.stack([own["tags"], back.pop("tags")], 2)
    logits = isinstance(recipe.method.decoder, CenterNetGrouper) and recipe.method.decoder.logits
    for name, other in back.items():
        if logits and name in HEAT:
            out[name] = ((own[name].sigmoid() + other.sigmoid()) / 2).logit(eps=1e-6)
        else:
            out[name] = (own[name] + other) / 2
    return out
