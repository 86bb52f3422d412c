"""Where the highest pixels of offset networks fall around the keypoints, on networks that are trained already.

Fig. 5 of Wang et al., "Low-resolution Human Pose Estimation" (CAL), shows these displacements for UDP at 128x96 and
256x192; the mask of Section 4.2 is fitted to CAL's own. Here they are those of UDP and of CAL, both with HRNet-W32, at the
two sizes of Table 8. The text does not give the figure's intervals, so those here are ours.

A displacement is the highest pixel minus the keypoint, x first, in heatmap px (Eq. 11), of every labelled keypoint, visible
or not. The network is evaluated as the mask sees it, without the mirror image that the tables average over.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from repro.approaches.top_down.predict import BATCH, network_outputs
from repro.approaches.top_down.samples import as_persons
from repro.data.crops import CropBatches, normalise
from repro.data.persons import PersonSet
from repro.errors import ReproError
from repro.experiments.outcome import keep, kept
from repro.experiments.trained import load_network, open_device, trained_recipes
from repro.geometry import heatmap_factor
from repro.losses.mixture_mask import Mixture, displacements, fit_mixture, log_densities
from repro.recipe import Recipe
from repro.runs.schedule import Machine

ROWS = {
    f"{method.upper()} {size}": f"{method}-w32-{size}" for size in ("64x48", "128x96") for method in ("udp", "cal")
}  # what the experiment calls a network, and its row of Table 8
RADIUS = 4.0  # R in heatmap px, half the side of the mask's square
EDGES = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0)  # of intervals of |d| in heatmap px; one more takes what lies beyond
HALF, STEP = 8, 0.5  # the histogram has 2 HALF + 1 bins of STEP heatmap px each way, the middle one around 0
SCATTERED = 600  # displacements kept one by one


def run_displacements(machine: Machine, seed: int = 0) -> Path:
    """Collect the displacements of the four networks at laptop scale and write ``results/cal/displacements.json``.

    Args:
        machine: the machine whose device computes.
        seed: the seed of the runs.

    Returns:
        the file's path.

    Raises:
        ReproError: when a run is not complete, naming the command that makes it.
    """
    device = open_device(machine)
    samples, recipes = trained_recipes("cal", 8, list(ROWS.values()), [seed])
    networks = {
        label: summarise(collect(recipes[row, seed], as_persons(samples.val), device)) | {"run": recipes[row, seed].training_key}
        for label, row in ROWS.items()
    }
    about = {"data": "people", "scale": "laptop", "seed": seed, "persons": len(samples.val)}
    return keep("cal", "displacements", {**about, "networks": networks}, machine)


@torch.inference_mode()
def collect(recipe: Recipe, persons: PersonSet, device: torch.device) -> Tensor:
    """(N, 2) displacements of a trained recipe's peaks on the evaluation crops of ``persons``, on the CPU."""
    network = load_network(recipe, persons, device).eval()
    once = recipe.but(evaluation=replace(recipe.crop_evaluation, flip=False))
    found = []
    for batch in CropBatches(persons, recipe.crop_input).evaluation(BATCH):
        images = normalise(batch["images"].to(device))
        heatmaps = network_outputs(network, images, once, persons)["heatmaps"]
        size = (heatmaps.shape[-1], heatmaps.shape[-2])
        factor = heatmap_factor(recipe.input.size, size, recipe.crop_input.convention)
        points = batch["points"].to(device) * torch.as_tensor(factor, dtype=torch.float32, device=device)
        found.append(labelled_displacements(heatmaps, points, batch["labelled"].to(device)).cpu())
    return torch.cat(found)


def labelled_displacements(heatmaps: Tensor, points: Tensor, labelled: Tensor) -> Tensor:
    """(N, 2) displacements of the N labelled keypoints; arguments as in ``mixture_mask.displacements``."""
    samples, counted = displacements(heatmaps, points, labelled)
    return samples[counted > 0]


def distance_shares(samples: Tensor, edges: Sequence[float] = EDGES) -> list[float]:
    """The share of displacements in each interval of |d|: [e0, e1), [e1, e2), ..., and from the last edge on.

    Args:
        samples: (N, 2) in heatmap px.
        edges: rising, from 0, in heatmap px.
    """
    index = torch.bucketize(samples.norm(dim=-1), samples.new_tensor(edges[1:]), right=True)
    counts = torch.bincount(index, minlength=len(edges)).to(torch.float64)
    return (counts / max(len(samples), 1)).tolist()


def plane_histogram(samples: Tensor, half: int = HALF, step: float = STEP) -> Tensor:
    """(2 half + 1, 2 half + 1) int64, row y, column x: displacements in square bins of side ``step``, the middle one around 0.

    A displacement on the line between two bins counts for the right or lower one; those beyond the outermost are left out.
    """
    index = (samples / step + 0.5).floor().long() + half
    side = 2 * half + 1
    inside = ((index >= 0) & (index < side)).all(1)
    return torch.bincount(index[inside, 1] * side + index[inside, 0], minlength=side**2).reshape(side, side)


def log_likelihood(samples: Tensor, mixture: Mixture) -> float:
    """The mean logarithm of the mixture's density at samples (N, 2), in nats; the density is that per heatmap px^2."""
    return float(torch.logsumexp(log_densities(samples, mixture), 1).mean())


def fitted(samples: Tensor, components: int, *, keep_outliers: bool, radius: float = RADIUS) -> dict[str, Any]:
    """A mixture fitted to displacements as the mask's is, in plain numbers.

    Args:
        samples: (N, 2) in heatmap px.
        components: 1, 2 or 3.
        keep_outliers: whether displacements of more than ``radius`` along x or y count too (``MixtureMask``).
        radius: R in heatmap px.

    Returns:
        ``weights``, ``means`` and ``covariances``; ``fitted_to``, the number of displacements that counted; and the
        log-likelihood a displacement, ``likelihood`` over those and ``likelihood_inside`` over those within the square, the one
        in which mixtures with and without outliers can be compared.

    Raises:
        ReproError: when fewer than two displacements a component count, as the mask has no mixture then.
    """
    inside = samples[samples.abs().amax(-1) <= radius]
    counted = samples if keep_outliers else inside
    if len(inside) < 2 * components:
        raise ReproError(
            f"{len(inside)} displacements lie within {radius:g} heatmap px, too few for a mixture of {components}: give two a "
            "component at least."
        )
    mixture = fit_mixture(counted, components)
    return {
        "components": components,
        "keep_outliers": keep_outliers,
        "fitted_to": len(counted),
        "weights": _rounded(mixture.weights, 4),
        "means": _rounded(mixture.means, 4),
        "covariances": _rounded(mixture.covariances, 4),
        "likelihood": round(log_likelihood(counted, mixture), 4),
        "likelihood_inside": round(log_likelihood(inside, mixture), 4),
    }


def as_mixture(plain: dict[str, Any]) -> Mixture:
    """The mixture that ``fitted`` put in plain numbers, float64."""
    return Mixture(*(torch.tensor(plain[name], dtype=torch.float64) for name in ("weights", "means", "covariances")))


def summarise(samples: Tensor) -> dict[str, Any]:
    """What is kept of displacements (N, 2): plain numbers, small enough to be committed.

    The scattered ones are spread evenly over the order in which they came.
    """
    distances = samples.norm(dim=-1)
    chosen = torch.linspace(0, len(samples) - 1, min(SCATTERED, len(samples))).round().long()
    return {
        "count": len(samples),
        "mean": round(float(distances.mean()), 4),
        "median": round(float(distances.median()), 4),
        "outliers": round(float((samples.abs().amax(-1) > RADIUS).double().mean()), 4),
        "edges": list(EDGES),
        "shares": [round(share, 4) for share in distance_shares(samples)],
        "step": STEP,
        "histogram": plane_histogram(samples).tolist(),
        "scattered": _rounded(samples[chosen], 2),
        "mixtures": [
            fitted(samples, components, keep_outliers=keep) for keep in (False, True) for components in (1, 2, 3)
        ],
    }


def read_displacements() -> dict[str, Any]:
    """The committed outcome, ``networks`` by label among it."""
    return kept("cal", "displacements")


def _rounded(values: Tensor, digits: int) -> list[Any]:
    return (values.double().round(decimals=digits) + 0.0).tolist()  # adding 0 turns -0 into 0
