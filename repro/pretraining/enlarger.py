"""Training of the super-resolution network of ``models.enlarge`` on crops of drawn people, and what it gains over bicubic.

Its examples are made as the low-resolution inputs of the tables are: one affine map with bilinear interpolation cuts the same
box at ``low`` size, at twice and at four times that size, in the convention of the table. The network doubles twice, and the
mean of L1 over both results is lowered; the second time it sees its own result, as in CAL's enlargement by four, and the crop
of that size in turns, two steps each, so that it serves for doubling too. The two conventions take turns step by step. Crops
are mirrored and scaled, not rotated, because evaluation crops are not.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import cv2
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from tqdm import tqdm

from repro import paths
from repro.data.augment import Augmentation, Crops, draw_crops, plain_crops
from repro.data.drawn.load import load_people
from repro.data.persons import PersonSet
from repro.errors import ReproError
from repro.geometry import Convention, crop_matrices
from repro.models.checkpoints import file_sha256, save_weights
from repro.models.enlarge import FILE, Enlarger, bicubic, enlarge, load_enlarger
from repro.support import serial
from repro.support.environment import describe, has_native_bfloat16
from repro.support.locks import locked
from repro.training.checkpoints import write_json
from repro.training.distributed import choose_device

CONVENTIONS: tuple[Convention, Convention] = ("biased", "unbiased")
PADDING = 1.25  # of the boxes, as in ``Input``
WARM_UP = 0.1  # share of the steps in which the learning rate rises
BATCH = 32  # crops a forward pass when judging


@dataclass(frozen=True, kw_only=True)
class EnlargerTraining:
    """How the network is trained.

    Args:
        enlarger: its settings.
        people: drawn people to train on.
        validation: drawn people of the split ``val`` to judge it on.
        low: (width, height) of the smallest crops; people are drawn for four times that.
        augmentation: the augmentation of the training crops.
        epochs: passes over the people.
        batch: crops a step.
        learning_rate: the rate of Adam at its highest, after a tenth of the steps; it rises and falls as a cosine.
        seed: the seed of weights, order and augmentation.
    """

    enlarger: Enlarger = field(default_factory=Enlarger)
    people: int = 6000
    validation: int = 400
    low: tuple[int, int] = (24, 32)
    augmentation: Augmentation = field(
        default_factory=lambda: Augmentation(scale=0.25, rotation_probability=0.0, half_body=0.0)
    )
    epochs: int = 2
    batch: int = 16
    learning_rate: float = 4e-3
    seed: int = 0

    def __post_init__(self) -> None:
        if not 1 <= self.batch <= self.people or self.epochs < 1 or self.validation < 1:
            raise ReproError(
                f"EnlargerTraining has {self.people} people, {self.validation} to judge it on, {self.epochs} epochs and "
                f"batches of {self.batch}: give at least one of each, and no larger batches than people."
            )

    @property
    def sizes(self) -> tuple[tuple[int, int], ...]:
        """(width, height) of the crops: the smallest, twice and four times that."""
        return tuple((self.low[0] * times, self.low[1] * times) for times in (1, 2, 4))


def make_enlarger(device: str, keep: bool, settings: EnlargerTraining | None = None) -> Path:
    """Train the network and keep it: in the package, or in ``runs/weights``.

    Args:
        device: ``auto``, ``cpu``, ``cuda`` and the like.
        keep: whether the weights are kept in the package.
        settings: None for the defaults, one to two minutes on a free core.

    Returns:
        the manifest's path; ``load_enlarger`` takes it. It tells the gain over bicubic on validation crops.
    """
    settings, on = settings or EnlargerTraining(), choose_device(device)
    people, judged = (
        load_people(split, limit=n, size=settings.sizes[-1])
        for split, n in (("train", settings.people), ("val", settings.validation))
    )
    began = time.monotonic()
    network = train_enlarger(people, settings, on)
    minutes = (time.monotonic() - began) / 60
    manifest = (FILE.parent if keep else paths.runs() / "weights") / FILE.name
    manifest.parent.mkdir(parents=True, exist_ok=True)
    with locked(paths.runs() / "weights.lock", "the super-resolution network"):
        tensors = manifest.with_suffix(".safetensors")
        save_weights(network.half(), tensors)
        about = {"enlarger": serial.to_plain(settings.enlarger), "sha256": file_sha256(tensors)}
        write_json(manifest, about)
        about |= {
            "what": "stand-in for SPSR: doubles the resolution of crops of people; half precision",
            "command": "repro enlarger --keep" if keep else "repro enlarger",
            "psnr": enlarger_quality(load_enlarger(on, manifest), judged, settings),
            "training": serial.to_plain(settings),
            "people": people.fingerprint(),
            "validation": judged.fingerprint(),
            "minutes": round(minutes, 1),
            **describe(on),
        }
        write_json(manifest, about)
    return manifest


def train_enlarger(people: PersonSet, settings: EnlargerTraining, device: torch.device) -> nn.Module:
    """Train on crops of a set of people; convolutions are computed in bfloat16 where the device has it natively."""
    torch.manual_seed(settings.seed)
    network = cast(Any, settings.enlarger.build()).to(device, memory_format=torch.channels_last)
    optimiser = torch.optim.Adam(network.parameters(), lr=settings.learning_rate)
    native = has_native_bfloat16(device)
    steps = settings.epochs * (len(people) // settings.batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, settings.learning_rate, total_steps=steps, pct_start=WARM_UP
    )
    shown = tqdm(training_crops(people, settings), total=steps, desc="Training the enlarger", disable=None)
    for step, (convention, crops) in enumerate(shown):
        low, middle, high = (_floats(one, device) for one in crops)
        with torch.autocast(device.type, torch.bfloat16, enabled=native):
            once = network(low, convention)
            twice = network(once if step % 4 < 2 else middle, convention)
        loss = (F.l1_loss(once, middle) + F.l1_loss(twice, high)) / 2
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        shown.set_postfix_str(f"L1 {255 * loss.item():.2f} grey levels", refresh=False)
    return network.eval()


def training_crops(people: PersonSet, settings: EnlargerTraining) -> Iterator[tuple[Convention, list[Tensor]]]:
    """The convention of each step and its crops in all sizes, from the smallest; see ``cut``."""
    aspect, step = settings.low[0] / settings.low[1], 0
    for epoch in range(settings.epochs):
        rng = np.random.default_rng([settings.seed, epoch])
        order = rng.permutation(len(people))
        crops = draw_crops(people, settings.augmentation, aspect, PADDING, rng)
        for i in range(0, len(order) - settings.batch + 1, settings.batch):
            convention, step = CONVENTIONS[step % 2], step + 1
            yield convention, cut(people, crops, order[i : i + settings.batch], settings.sizes, convention)


def cut(
    people: PersonSet, crops: Crops, chosen: np.ndarray, sizes: tuple[tuple[int, int], ...], convention: Convention
) -> list[Tensor]:
    """The crops of the ``chosen`` people in several sizes (width, height): (B, H, W, 3) uint8 RGB each."""
    matrices = [
        crop_matrices(
            crops.centers[chosen],
            crops.scales[chosen],
            crops.rotations[chosen],
            size,
            convention,
            crops.mirrored[chosen],
        )
        for size in sizes
    ]
    images = [people.images.read(int(i)) for i in people.image_index[chosen]]
    return [
        torch.from_numpy(
            np.stack([cv2.warpAffine(im, m, size, flags=cv2.INTER_LINEAR) for im, m in zip(images, own, strict=True)])
        )
        for size, own in zip(sizes, matrices, strict=True)
    ]


def psnr(images: Tensor, truth: Tensor) -> Tensor:
    """(B,) peak signal-to-noise ratio in dB of (B, H, W, 3) uint8 images: 10 log10(255^2 / mean squared error)."""
    error = (images.double() - truth.double()).square().flatten(1).mean(1)
    return 10 * torch.log10(255**2 / error)


def enlarger_quality(
    network: nn.Module, people: PersonSet, settings: EnlargerTraining
) -> dict[str, dict[str, dict[str, float]]]:
    """Mean PSNR in dB on the boxes of people: of the network and of bicubic interpolation, by convention and task.

    Tasks are written as ``24x32 to 48x64`` (width x height).
    """
    crops = plain_crops(people, settings.low[0] / settings.low[1], PADDING)
    out: dict[str, dict[str, dict[str, float]]] = {}
    for convention in CONVENTIONS:
        sizes = cut(people, crops, np.arange(len(people)), settings.sizes, convention)
        for a, b in ((0, 1), (1, 2), (0, 2)):
            task = "{}x{} to {}x{}".format(*settings.sizes[a], *settings.sizes[b])
            out.setdefault(convention, {})[task] = _compare(network, sizes[a], sizes[b], 2 ** (b - a), convention)
    return out


def _compare(network: nn.Module, low: Tensor, truth: Tensor, times: int, convention: Convention) -> dict[str, float]:
    """Mean PSNR of ``network`` and of ``bicubic``, for crops (B, H, W, 3) of two sizes."""
    device = next(network.parameters()).device
    ratios: dict[str, list[Tensor]] = {"network": [], "bicubic": []}
    for small, large in zip(low.split(BATCH), truth.split(BATCH), strict=True):
        small, large = small.to(device), large.to(device)
        ratios["network"].append(psnr(enlarge(network, small, times, convention), large))
        plain = (bicubic(_floats(small, device), times, convention).clamp(0, 1) * 255).round().byte()
        ratios["bicubic"].append(psnr(plain.permute(0, 2, 3, 1), large))
    return {name: round(float(torch.cat(each).mean()), 2) for name, each in ratios.items()}


def _floats(images: Tensor, device: torch.device) -> Tensor:
    """(B, H, W, 3) uint8 to (B, 3, H, W) float32 in [0, 1]."""
    return images.to(device).permute(0, 3, 1, 2).float() / 255
