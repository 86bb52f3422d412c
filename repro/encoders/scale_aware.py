"""Scale-aware heatmaps: each keypoint's Gaussian as wide as annotators scatter on it.

Yu, Du, Yu, "Scale-aware heatmap representation for human pose estimation", Section 3.2. Readings:

- the Gaussians have peak 1, where equation 1 prints a normalised one. Then the threshold 0.01 gives a radius of 3.03 sigma,
  beside the 3 sigma of equation 3; a normalised Gaussian would end at 3.3 to 3.4 px whatever its sigma;
- a pixel counts where its value is at least the threshold (equation 6), so the window is a disc. Equations 4 and 5, "an
  illustrative example", give a smaller radius from a one-dimensional normalised Gaussian: ``radius="eq5"``;
- the relative scales are COCO's OKS sigmas: the list in Section 4.1 is these without one of the two elbows;
- the larger value of two people counts, as in the code of Sun et al., not the sum of equation 1, which may pass 1;
- Section 4.3 blames a drop at a small scale threshold on too small a response area. Equation 8 bounds the variance from
  below by sigma^2 for every threshold: a smaller threshold only widens the others. Equation 8 is kept.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor

from repro.encoders.people_batch import PeopleBatch
from repro.encoders.people_gaussian import Overlap, people_heatmaps
from repro.errors import ReproError, choice_error
from repro.skeletons.skeleton import Skeleton

Radius = Literal["value", "eq5"]


def adaptive_sigmas(scales: Tensor, sigma: float, scale_threshold: float) -> Tensor:
    """Standard deviations of the keypoints: sigma_i^2 = max(s_i, s_thr) sigma^2 / s_thr (equation 8).

    Args:
        scales: (K,) relative scales s_i, the skeleton's OKS sigmas.
        sigma: the basic standard deviation in map px.
        scale_threshold: s_thr.

    Returns:
        (K,) in map px.
    """
    return sigma * (scales.clamp(min=scale_threshold) / scale_threshold).sqrt()


def visible_radii(sigmas: Tensor, threshold: float, radius: Radius = "value") -> Tensor:
    """Where Gaussians fall to the threshold: R = sigma sqrt(2 ln(1 / theta)), or equation 5.

    Args:
        sigmas: (K,) in map px.
        threshold: theta, the just noticeable value.
        radius: ``value``: of the Gaussian of peak 1 (equation 6); ``eq5``: sigma sqrt(2 ln(1 / (sqrt(2 pi) sigma theta))).

    Returns:
        (K,) in map px; 0 where even the peak of equation 4 lies below the threshold.
    """
    scaled = threshold * (math.sqrt(2 * math.pi) * sigmas if radius == "eq5" else torch.ones_like(sigmas))
    return sigmas * (-2 * scaled.log()).clamp(min=0).sqrt()


@dataclass(frozen=True, kw_only=True)
class ScaleAwareGaussian:
    """The scale-aware heatmap generator.

    Args:
        sigma: the basic standard deviation in map px.
        scale_threshold: s_thr, the smallest relative scale; 0.062 is the wrists' of COCO.
        threshold: theta, the just noticeable value.
        radius: the rule for where a Gaussian ends, see ``visible_radii``.
        overlap: the larger value of two people, or their ``sum`` clipped at 1.

    Raises:
        ReproError: for thresholds or a sigma that make no Gaussian.
    """

    sigma: float = 2.0
    scale_threshold: float = 0.062
    threshold: float = 0.01
    radius: Radius = "value"
    overlap: Overlap = "max"
    window: ClassVar[str] = "disc"

    def __post_init__(self) -> None:
        if self.radius not in ("value", "eq5"):
            raise choice_error("radius of scale-aware heatmaps", self.radius, ("value", "eq5"))
        if not 0 < self.threshold < 1:
            raise ReproError(
                f"The just noticeable value is {self.threshold}, expected between 0 and 1: the paper's is 0.01."
            )
        for name in ("sigma", "scale_threshold"):
            if not getattr(self, name) > 0:
                raise ReproError(
                    f"{name} of scale-aware heatmaps is {getattr(self, name)}, expected more than 0: raise it."
                )

    def maps(self, people: PeopleBatch, *, size: tuple[int, int], skeleton: Skeleton) -> Tensor:
        """(B, K, H, W) of the people's labelled keypoints; ``size`` is (width, height)."""
        scales = torch.as_tensor(skeleton.sigma_array, dtype=people.points.dtype, device=people.points.device)
        sigmas = adaptive_sigmas(scales, self.sigma, self.scale_threshold)
        radii = visible_radii(sigmas, self.threshold, self.radius)
        return people_heatmaps(
            people.points, people.known, size, sigmas, window="disc", radii=radii, overlap=self.overlap
        )

    def __call__(self, people: PeopleBatch, *, size: tuple[int, int], skeleton: Skeleton) -> dict[str, Tensor]:
        """Targets ``heatmaps`` (B, K, H, W) and ``heatmap_weights`` (B, 1, H, W), the people's mask."""
        return {"heatmaps": self.maps(people, size=size, skeleton=skeleton), "heatmap_weights": people.mask[:, None]}
