"""A small network that doubles the resolution of images: the super-resolution step before a pose network.

CAL (its section 5.4 and Table 2) enlarges crops of 64x48 to 256x192 by SPSR (Ma et al., "Structure-Preserving Super
Resolution with Gradient Guidance", CVPR 2020) before a pose network sees them. SPSR's weights are not available here; this
is a stand-in, far smaller: bicubic enlargement and a residual of a few convolutions with sub-pixel
convolution (Shi et al., "Real-Time Single Image and Video Super-Resolution Using an Efficient Sub-Pixel CNN", CVPR 2016),
trained on drawn people (``pretraining.enlarger``). Results with it answer the paper's question, whether enlarging first helps,
not how well SPSR does.

Where the pixels lie. A crop of w pixels and one of 2 w pixels show the same box; the pixel at x of the smaller one lies in
the larger one, with (0, 0) the centre of the top-left pixel, at

- ``biased``: 2 x, as ``geometry.crop_matrices`` cuts them, whose factor and offset are proportional to the size;
- ``unbiased``: x (2 w - 1) / (w - 1), corner centres on corner centres (what PyTorch calls ``align_corners``);
- ``half_pixel``: 2 x + 1/2, the outer edges of the pixels on each other: what super-resolution networks, SPSR among them,
  and image libraries do. Of the package's crops this is neither: poses found in a ``biased`` frame would be off by 1/2 px
  of the larger image, by 3/2 px after two steps. The paper does not say whether it corrected for that; here it is.

The residual comes from the network on the half-pixel positions and is moved to those of the convention.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from repro import paths
from repro.errors import ReproError, choice_error
from repro.models.checkpoints import load_weights
from repro.support import serial

Positions = Literal["biased", "unbiased", "half_pixel"]
CUBIC = -0.75  # the kernel's parameter: that of OpenCV and PyTorch
SLOPE = 0.1  # of leaky ReLU for negative values
RESIDUAL = 0.1  # unit of the residual: bicubic enlargement is off by a few grey levels
FILE = paths.WEIGHTS / "enlarge-x2.json"  # the manifest; the weights lie beside it


@dataclass(frozen=True, kw_only=True)
class Enlarger:
    """Settings of the network; ``build`` makes it.

    Args:
        channels: the channels of the hidden layers.
        convolutions: 3x3, in all; the last one gives 2 x 2 pixels in three colours.
    """

    channels: int = 32
    convolutions: int = 5

    def __post_init__(self) -> None:
        if self.channels < 1 or self.convolutions < 2:
            raise ReproError(
                f"Enlarger has {self.channels} channels and {self.convolutions} convolutions: give 1 and 2 at least."
            )

    def build(self) -> EnlargerNetwork:
        """The network, which begins as bicubic enlargement."""
        return EnlargerNetwork(self)


class EnlargerNetwork(nn.Module):
    """(B, 3, h, w) float in [0, 1] to (B, 3, 2 h, 2 w); the output may leave [0, 1] a little."""

    def __init__(self, settings: Enlarger) -> None:
        super().__init__()
        widths = [3, *[settings.channels] * (settings.convolutions - 1), 12]
        layers = [
            nn.Conv2d(a, b, 3, padding=1, padding_mode="replicate")
            for a, b in zip(widths[:-1], widths[1:], strict=True)
        ]
        self.layers = nn.ModuleList(layers)
        for layer in layers:
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
        nn.init.zeros_(layers[-1].weight)

    def forward(self, images: Tensor, positions: Positions) -> Tensor:
        """See the class; ``positions`` says where the pixels of the output lie."""
        x = images - 0.5
        for layer in self.layers[:-1]:
            x = F.leaky_relu(layer(x), SLOPE)
        residual = RESIDUAL * F.pixel_shuffle(self.layers[-1](x), 2)
        return bicubic(images, 2, positions) + move_from_half_pixel(residual, positions)


def source_positions(size: int, times: int, positions: Positions) -> Tensor:
    """(times * size,) float64: where each pixel of the enlarged row lies in the row of ``size`` pixels.

    Raises:
        ReproError: for unknown positions.
    """
    x = torch.arange(times * size, dtype=torch.float64)
    if positions == "biased":
        return x / times
    if positions == "unbiased":
        return x * (size - 1) / max(times * size - 1, 1)
    if positions == "half_pixel":
        return (x + 0.5) / times - 0.5
    raise choice_error("pixel positions", positions, get_args(Positions))


def cubic_weights(positions: Tensor, size: int) -> Tensor:
    """(n, size) float64 weights of cubic convolution (Keys 1981, a = -0.75): row i interpolates at positions[i].

    Pixels beyond the ends of the row are taken to equal the last ones.
    """
    first = positions.floor()
    taps = first[:, None] + torch.arange(-1, 3, dtype=torch.float64)
    t = (positions[:, None] - taps).abs()
    near = ((CUBIC + 2) * t - (CUBIC + 3)) * t * t + 1
    far = CUBIC * (((t - 5) * t + 8) * t - 4)
    weights = torch.where(t <= 1, near, far)
    columns = taps.clamp(0, size - 1).long()
    return torch.zeros(len(positions), size, dtype=torch.float64).scatter_add_(1, columns, weights)


def _along_both(images: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Apply (H, h) weights to the rows and (W, w) weights to the columns of (B, C, h, w) images, in float32 at least."""
    with torch.autocast(images.device.type, enabled=False):
        images = images if images.dtype == torch.float64 else images.float()
        return rows.to(images) @ images @ columns.to(images).T


def bicubic(images: Tensor, times: int, positions: Positions) -> Tensor:
    """(B, C, h, w) float to (B, C, times * h, times * w) by bicubic interpolation."""
    height, width = images.shape[-2:]
    rows, columns = (cubic_weights(source_positions(n, times, positions), n) for n in (height, width))
    return _along_both(images, rows, columns)


def move_from_half_pixel(images: Tensor, positions: Positions) -> Tensor:
    """Interpolate doubled (B, C, 2 h, 2 w) images, whose pixels lie at half-pixel positions, at those of a convention.

    A position x of the smaller image is 2 x + 1/2 there.
    """
    if positions == "half_pixel":
        return images
    height, width = images.shape[-2:]
    rows, columns = (cubic_weights(2 * source_positions(n // 2, 2, positions) + 0.5, n) for n in (height, width))
    return _along_both(images, rows, columns)


def steps_of(times: int) -> int:
    """How often an image is doubled. Raises ReproError unless ``times`` is 1, 2, 4, 8 or a further power of two."""
    if times < 1 or times & (times - 1):
        raise ReproError(f"Images are to be enlarged {times} times: give a power of two, each step doubles them.")
    return times.bit_length() - 1


@torch.inference_mode()
def enlarge(network: nn.Module, images: Tensor, times: int, positions: Positions) -> Tensor:
    """Enlarge images by applying the network log2(times) times; values are rounded once, at the end.

    Args:
        network: an ``EnlargerNetwork``.
        images: (B, h, w, 3) uint8 RGB, on the network's device.
        times: a power of two; CAL's is 4.
        positions: those of the crops, ``Input.convention``.

    Returns:
        (B, times * h, times * w, 3) uint8 RGB.

    Raises:
        ReproError: for another shape, type or factor.
    """
    if images.dtype != torch.uint8 or images.ndim != 4 or images.shape[-1] != 3:
        raise ReproError(f"Images are {tuple(images.shape)} {images.dtype}: enlarge takes (B, h, w, 3) uint8 RGB.")
    steps = steps_of(times)
    if not steps:
        return images
    x = images.permute(0, 3, 1, 2).float() / 255
    for _ in range(steps):
        x = network(x, positions).clamp(0, 1)
    return (x * 255).round().byte().permute(0, 2, 3, 1).contiguous()


def load_enlarger(device: torch.device | str = "cpu", manifest: Path = FILE) -> EnlargerNetwork:
    """The trained network, from half-precision weights, ready to be applied.

    Args:
        device: the device to load to.
        manifest: JSON file with the settings and the checksum of the .safetensors file beside it.

    Raises:
        ReproError: when the files are missing, or the weights are others than the manifest says.
    """
    if not manifest.is_file():
        raise ReproError(
            f"The super-resolution weights {manifest} do not exist: make them with `repro enlarger --keep`."
        )
    about = json.loads(manifest.read_text(encoding="utf-8"))
    network = serial.from_plain(Enlarger, about["enlarger"], "enlarger").build()
    load_weights(network, manifest.with_suffix(".safetensors"), expected_sha256=about["sha256"])
    return network.to(device).eval()
