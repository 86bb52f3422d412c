"""Toy maps that the method notebook shows sahg's parts on: kernels one by one, near keypoints, and maps that a loss optimises."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

import torch
from torch import Tensor

from repro.encoders.people_gaussian import PeopleGaussian, people_heatmaps
from repro.encoders.scale_aware import ScaleAwareGaussian, adaptive_sigmas, visible_radii
from repro.errors import ReproError
from repro.losses.redistributed import redistribution_weights
from repro.skeletons.skeleton import Skeleton

PRINTED_SCALES = (
    0.026, 0.025, 0.025, 0.035, 0.035, 0.079, 0.079, 0.072, 0.062, 0.062, 0.107, 0.107, 0.087, 0.087, 0.089, 0.089,
)  # fmt: skip


def missing_scales(skeleton: Skeleton) -> list[float]:
    """The skeleton's OKS sigmas that the list of Section 4.1 lacks."""
    left = list(skeleton.sigmas)
    for scale in PRINTED_SCALES:
        left.remove(scale)
    return left


def kernel(generator: PeopleGaussian | ScaleAwareGaussian, scale: float, side: int) -> Tensor:
    """(side, side) the heatmap of one keypoint of relative scale ``scale`` on the middle pixel; ``side`` is odd."""
    point = torch.full((1, 1, 1, 2), float(side // 2))
    scales = torch.tensor([scale])
    if isinstance(generator, ScaleAwareGaussian):
        sigmas = adaptive_sigmas(scales, generator.sigma, generator.scale_threshold)
        radii = visible_radii(sigmas, generator.threshold, generator.radius)
        window: Literal["released", "square", "disc"] = "disc"
    else:
        sigmas, radii = scales.new_full((1,), generator.sigma), None
        if generator.window == "full":
            raise ReproError("The window is 'full', which has no edge to be drawn: give 'released' or 'square'.")
        window = generator.window
    drawn = torch.ones(1, 1, 1, dtype=torch.bool)
    return people_heatmaps(point, drawn, (side, side), sigmas, window=window, radii=radii)[0, 0]


def peaks(values: Tensor) -> int:
    """How many entries of (N,) exceed the one before them and are not below the one after."""
    inner = values[1:-1]
    return int(((inner > values[:-2]) & (inner >= values[2:])).sum())


def weight_forms(target: Tensor, threshold: float = 0.01) -> dict[str, Callable[[Tensor], Tensor]]:
    """Ways to weigh the squared errors of an estimate (equation 9), by name.

    ``losses.redistributed`` offers the first as ``form="printed"``, the fourth as the default and the last as
    ``weight_from="target"``; the others show that both changes are needed.

    Args:
        target: the heatmap that is learned.
        threshold: theta.
    """
    return {
        "as printed": lambda h: redistribution_weights(h, threshold),
        "kept within [0, 1]": lambda h: redistribution_weights(h.clamp(0, 1), threshold),
        "not learned through": lambda h: redistribution_weights(h.detach(), threshold),
        "both (default)": lambda h: redistribution_weights(h.detach().clamp(0, 1), threshold),
        "of the target": lambda h: redistribution_weights(target, threshold),
    }


def optimise_map(
    weigh: Callable[[Tensor], Tensor], target: Tensor, *, steps: int, rate: float
) -> tuple[Tensor, Tensor]:
    """Minimise the mean of weight (h - t)^2 (equation 10) over a free map h with Adam, from small random numbers.

    Args:
        weigh: the function from h to the weights.
        target: t, (H, W).
        steps: the steps of Adam.
        rate: its learning rate.

    Returns:
        the map before each step (steps, H, W), and the loss (steps,).
    """
    heat = (0.01 * torch.randn(target.shape, generator=torch.Generator().manual_seed(0))).requires_grad_()
    optimiser, maps, losses = torch.optim.Adam([heat], lr=rate), [], []
    for _ in range(steps):
        loss = (weigh(heat) * (heat - target).square()).mean()
        maps.append(heat.detach().clone())
        losses.append(loss.detach())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return torch.stack(maps), torch.stack(losses)


def keypoint_rates(metrics: Mapping[str, float], measure: str = "pckh@0.5") -> dict[str, float]:
    """A rate by kind of keypoint, the mean of left and right, in %: of a run's metrics ``<measure>/<keypoint>``."""
    kinds: dict[str, list[float]] = {}
    for name, value in metrics.items():
        kind, _, keypoint = name.partition("/")
        if kind == measure and keypoint:
            kinds.setdefault(keypoint.removeprefix("left_").removeprefix("right_"), []).append(100 * value)
    return {kind: sum(values) / len(values) for kind, values in kinds.items()}
