"""Frames of whole images: augmented ones for training, resized ones for evaluation (bottom-up methods).

As in the released code of Sun et al. ("Bottom-Up Human Pose Estimation by Ranking Heatmap-Guided Adaptive Keypoint
Estimates", 2020), which follows HigherHRNet. All random numbers of an epoch are drawn at once from one generator, as in
``repro.data.augment``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from repro.errors import ReproError
from repro.geometry import PIXEL_STD, crop_matrices

ROUNDED_TO = 64  # px: sides of evaluated images are multiples of it, so that even half of them can be halved five times


@dataclass(frozen=True, kw_only=True)
class SceneAugmentation:
    """Augmentation of Sun et al.; Yu et al. ("scale-aware heatmap representation", 2022) print ``scale=(0.75, 1.25)``.

    Args:
        scale: smallest and largest side of the square crop, as a share of the shorter side of the image; drawn uniformly.
            Above 1 the crop is larger than the image, which then shrinks.
        rotation: largest rotation in degrees either way, about the crop's centre; drawn uniformly.
        translation: largest shift of the crop either way in x and in y, as a share of its side; drawn uniformly. The
            papers' "[-40, 40]" is in 1/200 of the side. The released code draws whole source px, here any are.
        mirror: probability of mirroring.
        colour: largest change of brightness, contrast and saturation either way, see ``colour_augment``; CenterNet's is 0.4.
        lighting: standard deviation of the change of light; CenterNet's is 0.1.

    Raises:
        ReproError: for an empty range of scales, a negative range or a probability outside 0..1.
    """

    scale: tuple[float, float] = (0.75, 1.5)
    rotation: float = 30.0
    translation: float = 0.2
    mirror: float = 0.5
    colour: float = 0.0
    lighting: float = 0.0

    def __post_init__(self) -> None:
        low, high = self.scale
        if not (0 <= self.colour < 1 and self.lighting >= 0):
            raise ReproError(
                f"SceneAugmentation has colour {self.colour} and lighting {self.lighting}: give a change from 0 to below 1 and a "
                "deviation that is not negative."
            )
        if not (0 < low <= high and self.rotation >= 0 and self.translation >= 0 and 0 <= self.mirror <= 1):
            raise ReproError(
                f"SceneAugmentation has scale {self.scale}, rotation {self.rotation}, translation {self.translation} and "
                f"mirror {self.mirror}: give a rising range above 0, values that are not negative and a probability from 0 to 1."
            )


@dataclass(frozen=True)
class SceneCrops:
    """Square crops of M images: centres (M, 2) px, sides (M,) px, rotations (M,) degrees, mirrored (M,) bool."""

    centers: np.ndarray
    sides: np.ndarray
    rotations: np.ndarray
    mirrored: np.ndarray


def draw_scene_crops(sizes: np.ndarray, augmentation: SceneAugmentation, rng: np.random.Generator) -> SceneCrops:
    """Augmented crops of images of ``sizes`` (M, 2) (width, height), in their order.

    The unshifted centre is (width / 2, height / 2), as in the released code.
    """
    m = len(sizes)
    sides = sizes.min(axis=1) * rng.uniform(*augmentation.scale, m)
    rotations = rng.uniform(-augmentation.rotation, augmentation.rotation, m)
    shifts = rng.uniform(-augmentation.translation, augmentation.translation, (m, 2))
    return SceneCrops(sizes / 2 + shifts * sides[:, None], sides, rotations, rng.random(m) < augmentation.mirror)


def scene_matrices(crops: SceneCrops, size: int) -> np.ndarray:
    """Affine maps from image px to px of the square input.

    x_input = (x - cx) size / side + size / 2 for an unrotated crop (the ``biased`` convention). Mirroring turns the input
    over as it is, x becomes size - 1 - x, and points are carried with the same matrix. The released code mirrors the image
    so but the points in map px (x becomes size / 4 - 1 - x), which puts its mirrored targets 0.75 map px to the left of
    the aligned place; that is not reproduced.

    Args:
        crops: M of them.
        size: side of the input in px.

    Returns:
        (M, 2, 3) float64.
    """
    scales = np.repeat(crops.sides[:, None], 2, axis=1) / PIXEL_STD
    matrices = crop_matrices(crops.centers, scales, crops.rotations, (size, size), "biased")
    mirrored = matrices[crops.mirrored]
    mirrored[:, 0] *= -1
    mirrored[:, 0, 2] += size - 1
    matrices[crops.mirrored] = mirrored
    return matrices


def evaluation_frames(sizes: np.ndarray, short: int, scale: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Canvases of whole images for evaluation, and the affine maps to them (HigherHRNet ``resize_align_multi_scale``).

    At scale 1 the shorter side becomes ``short`` and the longer one as many whole px as the aspect asks for, rounded up to 64;
    the image is scaled by one factor and centred, with a border of zeros: (int(w / 2 + 0.5), int(h / 2 + 0.5)) comes to lie
    at the middle of the canvas. Other scales multiply the canvas of scale 1.

    Args:
        sizes: (M, 2) width, height of the images.
        short: length of the shorter side at scale 1, a multiple of 64 px.
        scale: the scale of the canvas; a multiple of one half.

    Returns:
        (M, 2) int64 width, height of the canvases and (M, 2, 3) float64 maps from image px.

    Raises:
        ReproError: for another short side or scale.
    """
    if short < 1 or short % ROUNDED_TO or scale <= 0 or (2 * scale) % 1:
        raise ReproError(
            f"Images are to be evaluated at short side {short} and scale {scale}: give a multiple of {ROUNDED_TO} and a "
            "multiple of 0.5, so that the network can halve them."
        )
    least = sizes.min(axis=1, keepdims=True)
    canvas = (short / least * sizes + (ROUNDED_TO - 1)) // ROUNDED_TO * ROUNDED_TO
    canvas = np.round(canvas * scale).astype(np.int64)
    factor = scale * short / least
    offset = canvas / 2 - factor * np.floor(sizes / 2 + 0.5)
    linear = factor[:, :, None] * np.eye(2)
    return canvas, np.concatenate([linear, offset[:, :, None]], axis=2)
