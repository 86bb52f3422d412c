"""Scores of poses: the naive one and the network that estimates OKS from shape and heat (hgr, section 3.2).

The features of a pose are, in this order, the offset p_i - p_j of each neighbouring pair, its length, and the heat of each
keypoint: 2 * 19 + 19 + 17 = 74 for COCO, 2 * 15 + 15 + 14 = 59 for CrowdPose. Offsets and lengths are divided by the length of
the torso, the mean of the two distances from shoulder to hip, as in the released code, which the paper does not mention.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from repro.errors import ReproError, choice_error
from repro.grouping.people import People
from repro.skeletons.skeleton import CROWDPOSE14, Skeleton

SHORTEST_TORSO = 1.0  # px, of the released code; there in px of the original image


def naive_scores(heats: Tensor, centres: Tensor, labelled: Tensor | None = None) -> Tensor:
    """(M,) scores 1/K sum_k h_k(p_k) o(p) of heats (M, K) and centre heats (M,).

    ``labelled`` (M, K) leaves keypoints out of the mean; a pose without any has score 0.
    """
    if labelled is None:
        return heats.mean(1) * centres
    return (heats * labelled).sum(1) / labelled.sum(1).clamp(min=1) * centres


def neighbours(skeleton: Skeleton) -> tuple[tuple[int, int], ...]:
    """The neighbouring pairs (i, j): the links, and for COCO its 19th stick between the eyes, which is not drawn here."""
    pairs = skeleton.link_indices
    if {"left_eye", "right_eye"} <= set(skeleton.keypoints):
        eyes = (skeleton.index("left_eye"), skeleton.index("right_eye"))
        if eyes not in pairs and eyes[::-1] not in pairs:
            pairs = (*pairs, eyes)
    return pairs


def torso_lengths(points: Tensor, skeleton: Skeleton) -> Tensor:
    """(M,) mean distance from shoulder to hip of poses (M, K, 2), at least 1 px.

    The keypoints are found by name. The released code takes limbs 9 and 11 for every data set, which in CrowdPose are the
    left thigh and shank.
    """
    sides = [
        (points[:, skeleton.index(f"{s}_shoulder")] - points[:, skeleton.index(f"{s}_hip")]).norm(dim=-1)
        for s in ("left", "right")
    ]
    return ((sides[0] + sides[1]) / 2).clamp(min=SHORTEST_TORSO)


def released_torso_lengths(points: Tensor, skeleton: Skeleton) -> Tensor:
    """(M,) what the released code divides by: for CrowdPose the mean of left thigh and shank, else as ``torso_lengths``."""
    if skeleton != CROWDPOSE14:
        return torso_lengths(points, skeleton)
    hip, knee, ankle = (points[:, skeleton.index(f"left_{part}")] for part in ("hip", "knee", "ankle"))
    return (((hip - knee).norm(dim=-1) + (knee - ankle).norm(dim=-1)) / 2).clamp(min=SHORTEST_TORSO)


def feature_count(skeleton: Skeleton) -> int:
    """Numbers of ``pose_features``: 74 for COCO."""
    return 3 * len(neighbours(skeleton)) + len(skeleton)


def pose_features(points: Tensor, heats: Tensor, skeleton: Skeleton, torso: Tensor | None = None) -> Tensor:
    """(M, F) features of poses.

    Args:
        points: (M, K, 2) x, y in px; the scale cancels, except that a torso counts as 1 px or longer.
        heats: (M, K) heat h_k(p_k) of each keypoint, as the paper has it. The released code gives the network the heat times
            that of the centre.
        torso: (M,) lengths to divide by; None for ``torso_lengths``.

    Raises:
        ReproError: when the number of keypoints is not the skeleton's.
    """
    if points.shape[1:] != (len(skeleton), 2) or heats.shape != points.shape[:2]:
        raise ReproError(
            f"Poses have points {tuple(points.shape)} and heats {tuple(heats.shape)}, expected (M, {len(skeleton)}, 2) and "
            f"(M, {len(skeleton)}) for {skeleton.name}."
        )
    first, second = torch.tensor(neighbours(skeleton), device=points.device).unbind(1)
    torso = torso_lengths(points, skeleton) if torso is None else torso
    offsets = (points[:, first] - points[:, second]) / torso[:, None, None]
    return torch.cat([offsets.flatten(1), offsets.norm(dim=-1), heats], 1)


@dataclass(frozen=True, kw_only=True)
class ScoringNetwork:
    """Two layers of ``hidden`` with ReLU and a linear one, from features to an estimate of OKS; 85,249 parameters for COCO."""

    hidden: int = 256

    def build(self, skeleton: Skeleton) -> nn.Sequential:
        """The network, with the released code's start: weights kaiming-uniform with a = 1, biases 0."""
        sizes = (feature_count(skeleton), self.hidden, self.hidden, 1)
        layers: list[nn.Module] = []
        for number, (inputs, outputs) in enumerate(zip(sizes[:-1], sizes[1:], strict=True)):
            linear = nn.Linear(inputs, outputs)
            nn.init.kaiming_uniform_(linear.weight, a=1)
            nn.init.zeros_(linear.bias)
            layers += [linear, nn.ReLU()] if number < 2 else [linear]
        return nn.Sequential(*layers)


@dataclass(frozen=True, kw_only=True)
class ScoringTraining:
    """How the scoring network is trained; the released code's numbers.

    Args:
        epochs, batch, lr: Adam, without weight decay, on the squared error. The last, smaller batch of an epoch is dropped.
        seed: the seed of the start and of the order.
    """

    epochs: int = 20
    batch: int = 1024
    lr: float = 1e-3
    seed: int = 0


def train_scoring(
    features: Tensor,
    labels: Tensor,
    skeleton: Skeleton,
    *,
    network: ScoringNetwork | None = None,
    training: ScoringTraining | None = None,
) -> nn.Sequential:
    """The scoring network, trained on poses that the grouper found; the same inputs give the same weights.

    Args:
        features: (N, F) of ``pose_features``.
        labels: (N,) OKS that each pose reaches, as ``repro.metrics.pose_labels`` gives them.

    Raises:
        ReproError: when there is no pose, or features and labels do not fit.
    """
    training = training or ScoringTraining()
    expected = (len(labels), feature_count(skeleton))
    if not len(labels) or tuple(features.shape) != expected:
        raise ReproError(
            f"The scoring network got features {tuple(features.shape)} for {len(labels)} labels: expected {expected} with at "
            "least one pose, found on the training images."
        )
    features, labels = features.float(), labels.float()
    generator = torch.Generator().manual_seed(training.seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(training.seed)
        model = (network or ScoringNetwork()).build(skeleton).to(features.device)
    optimiser = torch.optim.Adam(model.parameters(), lr=training.lr)
    batch = min(training.batch, len(labels))
    for _ in range(training.epochs):
        order = torch.randperm(len(labels), generator=generator).to(features.device)
        for chosen in order[: len(order) // batch * batch].view(-1, batch):
            optimiser.zero_grad(set_to_none=True)
            (model(features[chosen])[:, 0] - labels[chosen]).square().mean().backward()
            optimiser.step()
    return model.eval()


@dataclass(frozen=True, kw_only=True)
class Scorer:
    """Gives people the score of a trained scoring network.

    Args:
        model: a function from (M, F) features to (M, 1).
        skeleton: the skeleton of the people.
        score: ``product`` of the estimate and the naive score, as in the released code, by which the printed numbers were
            made; ``estimate`` alone, as in the paper's text.
        released: whether the model sees what the released code shows its own: the heat of a keypoint times that of the centre,
            and lengths in those of ``released_torso_lengths``.

    Raises:
        ReproError: for an unknown ``score``.
    """

    model: Callable[[Tensor], Tensor]
    skeleton: Skeleton
    score: Literal["product", "estimate"] = "product"
    released: bool = False

    def __post_init__(self) -> None:
        if self.score not in ("product", "estimate"):
            raise choice_error("score", self.score, ("product", "estimate"))

    @torch.no_grad()
    def __call__(self, people: People) -> Tensor:
        """(M,) scores of people whose ``scores`` are the naive ones."""
        if not len(people):
            return people.scores
        heats, torso = people.keypoint_scores, None
        if self.released:
            mean = heats.mean(1)
            # The naive score is the mean heat times that of the centre.
            centres = torch.where(mean != 0, people.scores / mean, torch.zeros_like(mean))
            heats, torso = heats * centres[:, None], released_torso_lengths(people.points, self.skeleton)
        estimate = self.model(pose_features(people.points, heats, self.skeleton, torso))[:, 0]
        return estimate * people.scores if self.score == "product" else estimate
