"""Sums of weighted errors over heatmaps, with their gradient computed beside them.

The weights and errors of FoWKAL are some thirty operations a pixel, and the gradient that autograd makes of them twice as many,
each of them through the whole batch of maps. Here both are computed in one pass, by a few maps at a time on a CPU, which stay
in its cache. Weights and errors that several sums share are computed once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

WithSlope = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
WeightsWithSlope = Callable[[Tensor, Tensor], tuple[Tensor, Tensor | None]]
TILE = 49_152  # pixels at a time on a CPU


def squared_error_and_slope(predicted: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """(p - p^)^2 of each pixel, and its derivative by the prediction."""
    error = predicted - target
    return error.square(), error.mul_(2)


def weighted_sums(
    predicted: Tensor, target: Tensor, weigh: WeightsWithSlope | None, errors: Sequence[WithSlope]
) -> tuple[Tensor, ...]:
    """For each error the sums over the pixels of a map of weight times error.

    Args:
        predicted: (N, H, W); gradients flow to it alone.
        target: (N, H, W), in the dtype of ``predicted``.
        weigh: gives the weight of each pixel and its derivative by the prediction, None for one that counts as a constant; None
            for weights of 1.
        errors: each gives the error of each pixel and its derivative by the prediction.

    Returns:
        (N,) for each error.
    """
    return _WeightedSums.apply(predicted, target, weigh, errors)


class _WeightedSums(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, predicted: Tensor, target: Tensor, weigh: WeightsWithSlope | None, errors: Sequence[WithSlope]
    ) -> tuple[Tensor, ...]:
        wanted = ctx.needs_input_grad[0]
        count, pixels = len(predicted), max(1, predicted.shape[1] * predicted.shape[2])
        tile = max(1, TILE // pixels) if predicted.device.type == "cpu" else max(1, count)
        sums = [predicted.new_empty(count) for _ in errors]
        gradients = [torch.empty_like(predicted) if wanted else None for _ in errors]
        for start in range(0, count, tile):
            rows = slice(start, start + tile)
            shown, truth = predicted[rows], target[rows]
            weights, slope = (None, None) if weigh is None else weigh(shown, truth)  # shared by the errors
            for error, total, gradient in zip(errors, sums, gradients, strict=True):
                values, descent = error(shown, truth)
                if gradient is not None:
                    _product_slope(weights, slope, values, descent, gradient[rows])
                total[rows] = (values if weights is None else values.mul_(weights)).sum((-2, -1))
        ctx.save_for_backward(*(gradient for gradient in gradients if gradient is not None))
        return tuple(sums)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor | None, ...]:
        first, *others = ctx.saved_tensors
        total = first * upstream[0][:, None, None]
        for gradient, factors in zip(others, upstream[1:], strict=True):
            total.addcmul_(gradient, factors[:, None, None])
        return total, None, None, None


def _product_slope(weights: Tensor | None, slope: Tensor | None, values: Tensor, descent: Tensor, out: Tensor) -> None:
    """The derivative of weights times values, from those of both, into ``out``."""
    if weights is None:
        out.copy_(descent)
        return
    torch.mul(weights, descent, out=out)
    if slope is not None:
        out.addcmul_(slope, values)
