"""Changes of colour of whole images, as CenterNet trains with (released code, from CornerNet).

Brightness, contrast and saturation are changed in a random order, each by a factor 1 + u with u uniform in [-colour, colour]:
brightness multiplies the image, contrast draws it to its mean grey, saturation draws each pixel to its grey. Grey and mean are
those of the image as it was. Then light is added along the principal axes of ImageNet's colours (``lighting``). All of it
together is one affine map of a pixel's colour, in which the mean grey alone depends on the image.

The released code adds these changes to floating-point pixels and lets them leave their range; here they are rounded to whole
numbers from 0 to 255, as batches hold images.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

GREY = np.array([0.299, 0.587, 0.114])  # shares of red, green and blue in the grey of a pixel, as OpenCV has them
# Principal axes of ImageNet's colours as columns (rows red, green, blue), times the variances along them: of values from 0 to 1.
AXES = np.array(
    [
        [-0.56089297, 0.71832671, 0.41158938],
        [-0.5832747, 0.00994535, -0.81221408],
        [-0.58752847, -0.69563484, 0.41340352],
    ]
) * np.array([0.2141788, 0.01817699, 0.00341571])

Kind = Literal["brightness", "contrast", "saturation"]
KINDS: tuple[Kind, ...] = ("brightness", "contrast", "saturation")


@dataclass(frozen=True)
class Colours:
    """Changes of M images: a pixel x becomes matrix x + greys * mean grey + shifts.

    Args:
        matrices: (M, 3, 3) of red, green and blue.
        greys: (M,) what is added of the mean grey of the image.
        shifts: (M, 3) of values from 0 to 255.
    """

    matrices: np.ndarray
    greys: np.ndarray
    shifts: np.ndarray

    def take(self, index: np.ndarray) -> Colours:
        """Those of some images."""
        return Colours(self.matrices[index], self.greys[index], self.shifts[index])


def one_change(kind: Kind, factor: float, matrix: np.ndarray, grey: float) -> tuple[np.ndarray, float]:
    """The map (3, 3) of a pixel and the share of the mean grey after one more change by a factor."""
    if kind == "saturation":
        return factor * matrix + (1 - factor) * np.tile(GREY, (3, 1)), factor * grey
    return factor * matrix, factor * grey + (1 - factor if kind == "contrast" else 0.0)


def draw_colours(count: int, colour: float, lighting: float, rng: np.random.Generator) -> Colours | None:
    """The changes of so many images; None, and nothing drawn, where both strengths are 0.

    Args:
        count: number of images.
        colour: largest change of brightness, contrast and saturation either way.
        lighting: standard deviation of the change of light along each axis.
        rng: the generator of random numbers.
    """
    if not colour and not lighting:
        return None
    factors = 1 + rng.uniform(-colour, colour, (count, len(KINDS)))
    orders = rng.permuted(np.tile(np.arange(len(KINDS)), (count, 1)), axis=1)
    shifts = 255 * rng.normal(0.0, lighting, (count, 3)) @ AXES.T
    matrices, greys = np.zeros((count, 3, 3)), np.zeros(count)
    for i in range(count):
        matrix, grey = np.eye(3), 0.0
        for kind in orders[i]:
            matrix, grey = one_change(KINDS[kind], factors[i, kind], matrix, grey)
        matrices[i], greys[i] = matrix, grey
    return Colours(matrices, greys, shifts)


def changed_colours(images: Tensor, colours: Colours) -> Tensor:
    """Images (B, H, W, 3) uint8 RGB with other colours, on their device."""

    def placed(values: np.ndarray) -> Tensor:
        return torch.from_numpy(values.astype(np.float32)).to(images.device, non_blocking=True)

    pixels = images.flatten(1, 2).float()  # (B, HW, 3)
    mean = pixels.mean(1) @ placed(GREY)
    added = placed(colours.greys)[:, None] * mean[:, None] + placed(colours.shifts)
    changed = torch.baddbmm(added[:, None], pixels, placed(colours.matrices).mT)
    return changed.round_().clamp_(0, 255).to(torch.uint8).view(images.shape)
