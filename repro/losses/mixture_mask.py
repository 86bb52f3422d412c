"""Mixed Gaussian masks: how much each pixel's offset counts, learned from where the heatmaps' peaks fall in a batch.

Wang et al., "Low-resolution Human Pose Estimation" (CAL), Section 4.2 and Algorithm 1. The displacements of the predicted
peaks from the keypoints are fitted with a mixture of Gaussians by expectation-maximisation; its density on a grid of pixels,
scaled to [0, 1], is laid around every keypoint. All in tensors on the predictions' device.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from repro.errors import ReproError

# Where EM starts. The paper says "initialised" and no more; fixed values make a step a function of its batch alone.
FIRST_MEANS = ((0.0, 0.0), (0.5, 0.5), (-0.5, -0.5))  # heatmap px
FIRST_DEVIATIONS = (0.5, 2.0, 4.0)  # heatmap px
FIT_SAMPLES = 2  # displacements a component, below which there is no mixture
REGULARISATION, TOLERANCE, MAX_ITERATIONS = 1e-6, 1e-3, 100  # scikit-learn's GaussianMixture


@dataclass(frozen=True)
class Mixture:
    """A mixture of C Gaussians in the plane: weights (C,), means (C, 2), covariances (C, 2, 2), x first, in px."""

    weights: Tensor
    means: Tensor
    covariances: Tensor


def displacements(heatmaps: Tensor, points: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """The displacement of each predicted peak from its keypoint, which is not rounded (Eq. 11).

    The peak is the highest pixel, the first in row-major order where several are equal, whatever its height.

    Args:
        heatmaps: (B, K, H, W) predicted.
        points: (B, K, 2) keypoints, x, y in heatmap px.
        weights: (B, K), above 0 where a keypoint is labelled.

    Returns:
        (B K, 2) peak minus keypoint in heatmap px, float64 where the device has it, and (B K,) of 1 where it counts, else 0.
    """
    dtype = torch.float32 if points.device.type == "mps" else torch.float64
    index, width = heatmaps.detach().flatten(2).argmax(-1), heatmaps.shape[-1]
    peaks = torch.stack([index % width, torch.div(index, width, rounding_mode="floor")], -1).to(dtype)
    return (peaks - points.to(dtype)).flatten(0, 1), (weights > 0).to(dtype).flatten()


def initial_mixture(components: int, like: Tensor) -> Mixture:
    """Equal weights, ``FIRST_MEANS`` and round Gaussians of ``FIRST_DEVIATIONS``, in the dtype and on the device of ``like``.

    Raises:
        ReproError: for other than 1, 2 or 3 components.
    """
    if components not in (1, 2, 3):
        raise ReproError(
            f"The mixture has {components} components, but starts are known for 1, 2 and 3: take one of them."
        )
    means, deviations = (
        torch.tensor(values[:components], dtype=like.dtype).to(like.device, non_blocking=True)
        for values in (FIRST_MEANS, FIRST_DEVIATIONS)
    )
    variances = deviations.square()
    unit = torch.eye(2, dtype=like.dtype, device=like.device)
    return Mixture(like.new_full((components,), 1 / components), means, variances[:, None, None] * unit)


def log_densities(samples: Tensor, mixture: Mixture) -> Tensor:
    """(N, C): logarithm of each component's weighted density at samples (N, 2), with 2x2 inverses in closed form."""
    xx, xy, yy = mixture.covariances[:, 0, 0], mixture.covariances[:, 0, 1], mixture.covariances[:, 1, 1]
    determinant = xx * yy - xy.square()
    dx, dy = (samples[:, None] - mixture.means).unbind(-1)
    mahalanobis = (yy * dx.square() - 2 * xy * dx * dy + xx * dy.square()) / determinant
    return mixture.weights.log() - math.log(2 * math.pi) - 0.5 * (determinant.log() + mahalanobis)


def em_step(samples: Tensor, weights: Tensor, mixture: Mixture) -> tuple[Mixture, Tensor]:
    """One step of expectation-maximisation (Eq. 12).

    Args:
        samples: (N, 2).
        weights: (N,), 1 for samples that count, else 0.
        mixture: the mixture to improve.

    Returns:
        The improved mixture, and the mean log-likelihood of the one that came in.
    """
    logs = log_densities(samples, mixture)
    total = torch.logsumexp(logs, 1)
    shares = (logs - total[:, None]).exp() * weights[:, None]
    counts = shares.sum(0) + 10 * torch.finfo(samples.dtype).eps
    means = shares.T @ samples / counts[:, None]
    centred = samples[:, None] - means  # (N, C, 2)
    scatter = torch.einsum("nc,nci,ncj->cij", shares, centred, centred) / counts[:, None, None]
    unit = torch.eye(2, dtype=samples.dtype, device=samples.device)
    improved = Mixture(counts / counts.sum(), means, scatter + REGULARISATION * unit)
    return improved, (total * weights).sum() / weights.sum().clamp(min=1)


def fit_mixture(samples: Tensor, components: int, *, weights: Tensor | None = None, iterations: int = 0) -> Mixture:
    """Fit a mixture of Gaussians with full covariances, from the fixed start of ``initial_mixture``.

    Equals scikit-learn's GaussianMixture from the same start: 1e-6 on the variances, stop when the mean log-likelihood rises
    by less than 1e-3, 100 steps at most. One component needs a single step.

    Args:
        samples: (N, 2); give float64 where the device has it.
        components: 1, 2 or 3.
        weights: (N,), 1 for samples that count, else 0; None for all. No sample is sorted out, so shapes do not depend on data.
        iterations: fixed number of steps, which never makes the host wait for a GPU; 0 for the rule above.
    """
    weights = samples.new_ones(len(samples)) if weights is None else weights
    mixture, previous = initial_mixture(components, samples), -math.inf
    for _ in range(1 if components == 1 else iterations or MAX_ITERATIONS):
        mixture, likelihood = em_step(samples, weights, mixture)
        if iterations or components == 1:
            continue
        if abs(float(likelihood) - previous) < TOLERANCE:
            break
        previous = float(likelihood)
    return mixture


def mask_grid(mixture: Mixture, radius: int) -> Tensor:
    """The mixture's density at whole-pixel displacements up to ``radius``, scaled to [0, 1]: (M - min) / (max - min).

    Densities are divided by their maximum before they leave the logarithm, so that a mixture narrower than a pixel does not
    vanish between pixels. Where all are equal, which Algorithm 1 leaves at 0 / 0, all count in full.

    Returns:
        (2 R + 1, 2 R + 1), row y, column x; the centre is displacement 0.
    """
    side = torch.arange(-radius, radius + 1, dtype=mixture.means.dtype, device=mixture.means.device)
    y, x = torch.meshgrid(side, side, indexing="ij")
    logs = torch.logsumexp(log_densities(torch.stack([x, y], -1).flatten(0, 1), mixture), 1)
    density = (logs - logs.max()).exp().reshape(len(side), len(side))
    spread = 1 - density.min()
    return torch.where(spread > 0, (density - density.min()) / spread.clamp(min=torch.finfo(spread.dtype).tiny), 1)


def paste(grid: Tensor, points: Tensor, size: tuple[int, int]) -> Tensor:
    """Lay a grid around the pixel nearest to each keypoint, cut off at the border of the map (Eq. 13).

    Args:
        grid: (2 R + 1, 2 R + 1).
        points: (B, K, 2), x, y in heatmap px; halves round up.
        size: (width, height) of the map.

    Returns:
        (B, K, H, W), 0 outside the squares.
    """
    radius = grid.shape[-1] // 2
    framed = F.pad(grid, (1, 1, 1, 1))  # the frame of zeros stands for all that is farther away
    across, down = (
        (torch.arange(length, device=points.device) - (points[..., axis, None] + 0.5).floor())
        .clamp(-radius - 1, radius + 1)
        .long()
        + radius
        + 1
        for axis, length in enumerate(size)
    )
    return framed[down[..., :, None], across[..., None, :]]


@dataclass(frozen=True, kw_only=True)
class MixtureMask:
    """Settings of the mask.

    The displacements are those of the batch on one process, as the network predicted them in this very step. A few peaks on
    another limb would widen the Gaussian until the mask is flat (5 % of them make a deviation of .9 px one of 3), and the mask
    has nothing to say about them; so displacements beyond its square do not count, though the paper sorts none out.

    Args:
        components: Gaussians of the mixture; the paper's is 1 at 64x48 and 128x96, 2 at 256x192 and 384x288.
        radius: R in heatmap px, half the square's side: the encoder's.
        keep_outliers: whether displacements of more than R along x or y count too.
        iterations: the number of steps, see ``fit_mixture``.

    Raises:
        ReproError: for other than 1 to 3 components, a radius below 1 or a negative number of iterations.
    """

    components: int = 1
    radius: int = 4
    keep_outliers: bool = False
    iterations: int = 0

    def __post_init__(self) -> None:
        if self.components not in (1, 2, 3):
            raise ReproError(f"MixtureMask components is {self.components}: give 1, 2 or 3.")
        if self.radius < 1 or self.radius != int(self.radius):
            raise ReproError(f"MixtureMask radius is {self.radius}: give a whole number of heatmap px, 1 or more.")
        if self.iterations < 0:
            raise ReproError(f"MixtureMask iterations is {self.iterations}: give 1 or more, or 0 to stop by tolerance.")

    @torch.no_grad()
    def __call__(self, heatmaps: Tensor, targets: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Masks (B, K, H, W) and the number of displacements they were fitted to.

        Corners of the square lie outside the disc, where offsets have no target: the mask is 0 there. With fewer than two
        displacements a component there is no mixture, and the weights are those of Eq. 14, the target heatmaps; a mask kept
        from an earlier batch would make a step depend on what came before it.

        Args:
            heatmaps: (B, K, H, W) predicted.
            targets: ``heatmaps`` and ``discs`` (B, K, H, W), ``points`` (B, K, 2), ``weights`` (B, K).
        """
        points, discs = targets["points"], targets["discs"]
        samples, counted = displacements(heatmaps, points, targets["weights"])
        if not self.keep_outliers:
            counted = counted * (samples.abs().amax(-1) <= self.radius)
        mixture = fit_mixture(samples, self.components, weights=counted, iterations=self.iterations)
        grid = mask_grid(mixture, int(self.radius)).to(discs.dtype)
        pasted = paste(grid, points, (discs.shape[-1], discs.shape[-2]))
        number = counted.sum()
        enough = number >= FIT_SAMPLES * self.components
        return torch.where(enough, pasted, targets["heatmaps"]) * discs, number.to(discs.dtype)
