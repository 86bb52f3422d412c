"""The counted columns of the tables, #Params and GFLOPs, in the convention of the HRNet family.

``get_model_summary`` of HRNet, by which the papers' figures come about, counts for every convolution that runs the
elements of its weight times the pixels of its output: multiply-adds, though called FLOPs. Bias, batch norm, ReLU,
resizing and matrix products between activations are free. The unit differs between the papers: HRNet's tool divides by
1024^3, and top-down papers print that (HRNet-W32 at 256x192: 7.1); HigherHRNet's and DEKR's tool does not divide, and
bottom-up papers print the sum over 10^9 (HigherHRNet-W32 at 512: 47.9, which would be 44.6 in the other unit).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
import torchvision  # noqa: F401  (defines torch.ops.torchvision)
from torch import nn
from torch.overrides import TorchFunctionMode

from repro.errors import ReproError

GIBI = 1024**3  # unit of "GFLOPs" in HRNet and the top-down papers
GIGA = 1000**3  # unit of "GFLOPs" in HigherHRNet, DEKR and the bottom-up papers


def count_parameters(model: nn.Module) -> int:
    """The number of parameters, trainable or not, each shared one once. Running statistics are not parameters."""
    return sum(p.numel() for p in model.parameters())


def count_gflops(
    model: nn.Module,
    input_size: tuple[int, int],
    *,
    unit: int = GIBI,
    shared_once: bool = False,
) -> float:
    """The multiply-adds of one forward pass in eval mode, counted as HRNet's ``get_model_summary`` does.

    Counted are conv2d, conv_transpose2d, linear and torchvision's deform_conv2d, called through modules or as
    functions, as often as they run. A transposed convolution is counted at its output's resolution, as that tool does,
    which for stride 2 is four times its true multiply-adds; a deformable one as a plain convolution, its sampling free.
    A linear layer is counted right for inputs of any rank, where the tool is right for two.

    Shapes are all that is computed (on the ``meta`` device), so that the largest network takes a second and little
    memory. The model is left as it is: parameters, buffers, device and training flags. As on a GPU, tensors that the
    network keeps must be parameters or buffers.

    Args:
        model: takes a (1, 3, height, width) image.
        input_size: (width, height) in px.
        unit: ``GIBI`` for the top-down papers, ``GIGA`` for the bottom-up ones.
        shared_once: count a weight that several layers share in its first use alone. Table 1 of "Bottom-Up Human Pose
            Estimation by Ranking Heatmap-Guided Adaptive Keypoint Estimates" comes about so (W32: 63.7; 64.9 by use).

    Raises:
        ReproError: when the input size is not positive.
    """
    width, height = input_size
    if width <= 0 or height <= 0:
        raise ReproError(f"Input size is {input_size}: expected a positive (width, height) in px.")
    named = [*model.named_parameters(), *model.named_buffers()]
    tensors = {name: torch.empty_like(tensor, device="meta") for name, tensor in named}
    training = {module: module.training for module in model.modules()}
    model.eval()
    try:
        with torch.no_grad(), _MultiplyAdds() as counted:
            torch.func.functional_call(model, tensors, (torch.zeros(1, 3, height, width, device="meta"),))
    finally:
        for module, flag in training.items():
            module.training = flag
    return counted.total(shared_once) / unit


def _convolution(weight: torch.Tensor, out: torch.Tensor) -> int:
    """Multiply-adds of a convolution, (out, in / groups, kh, kw) weight and (N, C, H, W) output."""
    return weight.numel() * out.shape[0] * math.prod(out.shape[2:])


def _linear(weight: torch.Tensor, out: torch.Tensor) -> int:
    """Multiply-adds of a linear layer, (out, in) weight and (..., out) output."""
    return out.numel() * weight.shape[1]


_RULES: dict[Callable[..., Any], Callable[[torch.Tensor, torch.Tensor], int]] = {
    F.conv2d: _convolution,
    F.conv_transpose2d: _convolution,
    torch.ops.torchvision.deform_conv2d: _convolution,
    F.linear: _linear,
}


class _MultiplyAdds(TorchFunctionMode):
    """Notes the weight and the multiply-adds of every counted function that is called within the context.

    Not torch's ``FlopCounterMode``, which sees operators below these functions: there a linear layer is a matrix
    product like any other, a transposed convolution is counted at its input's resolution, deform_conv2d is unknown, and
    shapes alone do not tell which weights are shared.
    """

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[torch.Tensor, int]] = []

    def __torch_function__(self, func: Callable, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        kwargs = kwargs or {}
        out = func(*args, **kwargs)
        if func in _RULES:
            weight = args[1] if len(args) > 1 else kwargs["weight"]
            self.calls.append((weight, _RULES[func](weight, out)))
        return out

    def total(self, shared_once: bool) -> int:
        """The sum over all calls, or over the first call with each weight."""
        if not shared_once:
            return sum(count for _, count in self.calls)
        first: dict[int, int] = {}
        for weight, count in self.calls:
            first.setdefault(id(weight), count)  # self.calls keeps the weights, so no id is used twice
        return sum(first.values())
