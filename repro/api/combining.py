"""Parts of different papers together, as a row that can be trained."""

from __future__ import annotations

import json
from typing import Any

from repro import recipe
from repro.errors import ReproError
from repro.papers.studies import NUMBER
from repro.support import serial
from repro.tables.combine import combinations

_KINDS: dict[str, Any] = {
    "encoder": recipe.Encoder,
    "network": recipe.Network,
    "loss": recipe.Loss,
    "decoder": recipe.Decoder,
}


def combine(
    base: str,
    *,
    encoder: Any = None,
    network: Any = None,
    loss: Any = None,
    decoder: Any = None,
    one_stage: bool = False,
    name: str = "",
) -> str:
    """A row with some parts exchanged, tried on a few pixels: the name of a row that ``train`` takes.

    Args:
        base: a row, ``cal/8/dark-w32-64x48``.
        encoder: the encoder in place of the row's: a text as ``Name(key=value)`` or ``module:Class``, or settings; None for
            its own.
        network: the same.
        loss: the same.
        decoder: the same.
        one_stage: whether a second stage of training is left out.
        name: name of the combination; empty for one that is made of its parts.

    Raises:
        ReproError: where the parts do not fit, with the reason.
    """
    given = dict(zip(_KINDS, (encoder, network, loss, decoder), strict=True))
    parts = {kind: [_text(part, kind)] for kind, part in given.items() if part is not None}
    study = combinations(base, parts, one_stage=one_stage, name=name).study
    return f"{study.key}/{NUMBER}/{list(study.rows)[1]}"


def _text(part: Any, kind: str) -> str:
    """A part as text. Raises ReproError for what is none."""
    if isinstance(part, str):
        return part
    if not hasattr(type(part), "__dataclass_fields__") or isinstance(part, type):
        raise ReproError(f"The {kind} is {part!r:.200}, expected a text as in 'Dark(kernel=9)', or settings as Dark(kernel=9).")
    return json.dumps(serial.to_plain(part, _KINDS[kind]))
