"""The released scoring network of the heatmap-guided method, for COCO and for CrowdPose.

Its features are those of ``grouping.scores.pose_features`` in another order: the same neighbouring pairs, listed below as the
released code does. The first layer's columns are put into the order here. Two differences lie in the features and not in weights,
and ``grouping.scores.Scorer`` shows the network its own where it is told that it is ``released``:

- the released third part is the heat times that of the centre;
- for CrowdPose the released torso is the mean of left thigh and left shank, here that from shoulder to hip.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import torch
from torch import Tensor, nn

from repro.grouping.scores import ScoringNetwork, feature_count, neighbours
from repro.models.published.family import Family
from repro.skeletons.skeleton import COCO17, CROWDPOSE14, Skeleton

# The released order of the pairs (i, j), whose features are p_i - p_j and its length.
COCO_PAIRS = (
    (0, 1), (0, 2), (1, 2), (1, 3), (2, 4), (3, 5), (4, 6), (5, 6), (5, 7), (5, 11),
    (6, 8), (6, 12), (7, 9), (8, 10), (11, 12), (11, 13), (12, 14), (13, 15), (14, 16),
)  # fmt: skip
CROWDPOSE_PAIRS = (
    (12, 13), (13, 0), (13, 1), (0, 2), (1, 3), (2, 4), (3, 5), (0, 6), (1, 7), (6, 8), (7, 9), (8, 10), (9, 11), (6, 7), (0, 1),
)  # fmt: skip
_LAYERS = {"0": "l1", "2": "l2", "4": "l3"}  # of the sequence here


def columns(skeleton: Skeleton, released: tuple[tuple[int, int], ...]) -> tuple[Tensor, Tensor]:
    """Where each feature here stands among the released ones, and its sign there: two tensors of ``feature_count``."""
    count = len(released)
    places: list[int] = []
    signs: list[int] = []
    for pair in neighbours(skeleton):
        place = released.index(pair) if pair in released else released.index(pair[::-1])
        places.append(place)
        signs.append(1 if pair == released[place] else -1)
    order = torch.tensor(places)
    offsets = torch.stack([2 * order, 2 * order + 1], 1).flatten()
    heats = 3 * count + torch.arange(len(skeleton))
    sign = torch.cat([torch.tensor(signs).repeat_interleave(2), torch.ones(count + len(skeleton), dtype=torch.int64)])
    return torch.cat([offsets, 2 * count + order, heats]), sign


def _arrange(order: Tensor, sign: Tensor, name: str, tensor: Tensor) -> Tensor:
    return tensor[:, order] * sign.to(tensor) if name == "0.weight" else tensor


def _sources(name: str) -> tuple[str, ...]:
    layer, _, rest = name.partition(".")
    return (f"{_LAYERS[layer]}.{rest}",)


def _build(skeleton: Skeleton, keypoints: int) -> nn.Module:
    return ScoringNetwork().build(skeleton)


def _count(skeleton: Skeleton, weights: Mapping[str, Tensor]) -> int:
    return len(skeleton)


def scoring(skeleton: Skeleton) -> Family:
    """The scoring network for COCO17 or CROWDPOSE14."""
    pairs = {COCO17.name: COCO_PAIRS, CROWDPOSE14.name: CROWDPOSE_PAIRS}[skeleton.name]
    order, sign = columns(skeleton, pairs)
    return Family(
        name=f"hgr-scoring-{skeleton.name}",
        build=partial(_build, skeleton),
        keypoints=partial(_count, skeleton),
        marks={"l1.weight": (None, feature_count(skeleton)), "l2.weight": (), "l3.weight": (1,)},
        sources=_sources,
        arrange=partial(_arrange, order, sign),
    )
