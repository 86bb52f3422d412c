"""What parts of methods return, looked at before it is used: a part of another package may return anything."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from torch import Tensor

from repro.errors import ReproError


def named(found: Any, part: object) -> dict[str, Tensor]:
    """What an encoder, a network or a loss returned. Raises ReproError, naming the part, unless it is tensors by name."""
    kind = type(part).__name__
    if not isinstance(found, Mapping):
        raise ReproError(f"{kind} returns {_kind(found)}, expected tensors by name: return a dict of them.")
    for name, value in found.items():
        if not isinstance(value, Tensor):
            raise ReproError(f"{kind} returns {name!r} as {_kind(value)}, expected a tensor: return tensors by name.")
    return cast("dict[str, Tensor]", found)


def check_minimised(terms: dict[str, Tensor], part: object) -> None:
    """Raise ReproError, naming the loss, unless 'loss' is among its terms, one number that the network has a part in."""
    kind = type(part).__name__
    if "loss" not in terms:
        raise ReproError(f"{kind} gives {', '.join(terms) or 'nothing'} and no 'loss': name what is minimised so.")
    loss = terms["loss"]
    if loss.ndim:
        raise ReproError(f"{kind} gives a loss of shape {tuple(loss.shape)}, expected one number: take the mean or the sum.")
    if not loss.requires_grad:
        raise ReproError(
            f"{kind} gives a loss without a gradient: compute it from the outputs by operations of torch, without detach."
        )


def decoded(found: Any, part: object, expected: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """The points (B, K, 2) and scores (B, K) of a decoder, (B, K) being ``expected``. Raises ReproError for anything else."""
    fits = isinstance(found, tuple) and len(found) == 2 and all(isinstance(one, Tensor) for one in found)
    if not fits or [tuple(one.shape) for one in found] != [(*expected, 2), expected]:
        what = ", ".join(_kind(one) for one in found) if isinstance(found, tuple) else _kind(found)
        raise ReproError(
            f"{type(part).__name__} returns {what}, expected points {(*expected, 2)} and scores {expected}: return both, in a "
            "tuple."
        )
    return cast("tuple[Tensor, Tensor]", found)


def _kind(found: object) -> str:
    """What something is, in a word or two."""
    return f"a tensor {tuple(found.shape)}" if isinstance(found, Tensor) else type(found).__name__
