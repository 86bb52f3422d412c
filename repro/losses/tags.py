"""Associative embedding: tags of one person's keypoints pulled together, those of different people pushed apart.

Newell, Huang, Deng, "Associative Embedding: End-to-End Learning for Joint Detection and Grouping", NIPS 2017, with the
normalisation of HigherHRNet's released code (Cheng et al., CVPR 2020).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from repro.errors import ReproError, choice_error
from repro.losses.tradeoff import tradeoff_mse

Push = Literal["exp", "max"]


def read_tags(tags: Tensor, positions: Tensor) -> Tensor:
    """The tags (B, P, K) of maps (B, K, H, W) at pixels (B, P, K, 2), x, y."""
    places = positions[..., 1] * tags.shape[-1] + positions[..., 0]
    return tags.flatten(2).gather(2, places.transpose(1, 2)).transpose(1, 2)


def pull_and_push(tags: Tensor, read: Tensor, push: Push = "exp") -> tuple[Tensor, Tensor]:
    """How far tags lie from their person's mean, and how near the means of different people lie.

    In an image with n people (with a keypoint that is read) pull is the mean over people of mean_k (t_k - m)^2, and push
    0.5 sum over i != j of exp(-(m_i - m_j)^2), or of max(1 - |m_i - m_j|, 0), over n (n - 1); 0 where n is too small.

    Args:
        tags: (B, P, K).
        read: (B, P, K) bool, which of them count.
        push: ``exp`` or ``max``.

    Returns:
        Both (B,).

    Raises:
        ReproError: for another ``push``.
    """
    if push not in ("exp", "max"):
        raise choice_error("push of tags", push, ("exp", "max"))
    tags, weights = torch.where(read, tags, 0), read.to(tags.dtype)
    count = weights.sum(-1)
    means = tags.sum(-1) / count.clamp(min=1)  # (B, P)
    spread = ((tags - means[..., None]).square() * weights).sum(-1) / count.clamp(min=1)
    there = (count > 0).to(tags.dtype)
    people = there.sum(-1)
    distance = means[:, :, None] - means[:, None]
    near = (-distance.square()).exp() if push == "exp" else (1 - distance.abs()).clamp(min=0)
    pairs = there[:, :, None] * there[:, None] * (1 - torch.eye(tags.shape[1], dtype=tags.dtype, device=tags.device))
    pushed = 0.5 * (near * pairs).sum((1, 2)) / (people * (people - 1)).clamp(min=1)
    return spread.sum(-1) / people.clamp(min=1), pushed


@dataclass(frozen=True, kw_only=True)
class AssociativeLoss:
    """The loss of HigherHRNet: squared errors of heatmaps at one or two sizes, and tags at the smaller.

    Args:
        pull_weight: the weight of pull.
        push_weight: the weight of push.
        push: how people are pushed apart, see ``pull_and_push``.
    """

    pull_weight: float = 1e-3
    push_weight: float = 1e-3
    push: Push = "exp"

    def __call__(self, outputs: dict[str, Tensor], targets: dict[str, Tensor]) -> dict[str, Tensor]:
        """``loss``, and before weighting ``heatmap_loss``, ``pull_loss``, ``push_loss`` and, with two sizes, ``higher_loss``.

        Args:
            outputs: ``heatmaps`` (B, K, H, W), ``tags`` (B, K, H, W), optionally ``heatmaps_2x`` (B, K, 2H, 2W).
            targets: the targets of ``AssociativeTargets``.

        Raises:
            ReproError: when tags and heatmaps are not of one shape.
        """
        tags = outputs["tags"].to(targets["heatmaps"].dtype)
        if tags.shape != targets["heatmaps"].shape:
            raise ReproError(
                f"Tag maps have shape {tuple(tags.shape)} but heatmap targets {tuple(targets['heatmaps'].shape)}: the network "
                "must give one tag map a keypoint at the heatmaps' size."
            )
        heat = tradeoff_mse(outputs["heatmaps"], targets["heatmaps"], targets["heatmap_weights"])
        pull, push = pull_and_push(read_tags(tags, targets["tag_positions"]), targets["tags_read"], self.push)
        pull, push = pull.mean(), push.mean()
        terms = {"heatmap_loss": heat, "pull_loss": pull, "push_loss": push}
        loss = heat + self.pull_weight * pull + self.push_weight * push
        if "heatmaps_2x" in outputs:
            higher = tradeoff_mse(outputs["heatmaps_2x"], targets["heatmaps_2x"], targets["heatmap_weights_2x"])
            terms["higher_loss"], loss = higher, loss + higher
        return {"loss": loss, **terms}
