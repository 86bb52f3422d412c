"""What a backbone is: settings that build a module from images to features, and what the rest of the package asks of them."""

from __future__ import annotations

from typing import Any, Protocol, Self

from torch import nn

from repro.support import serial


class Backbone(Protocol):
    """Settings of a backbone, a frozen dataclass.

    A network holds one in its field ``backbone``. It either inherits from the backbone's module, as those on an HRNet or a
    ResNet do to keep the official names of parameters, or holds what ``build`` gives. The module of the network says by
    ``prefixes`` how the names of the backbone's parameters begin in it; where it does not, ``backbone.`` is taken.

    ``warm_name``, ``warm_option`` and ``start_word`` may be left out by a backbone that inherits from this class: it then has no
    warm start.
    """

    @property
    def outputs(self) -> tuple[int, ...]:
        """Channels of the features that are returned."""

    @property
    def stride(self) -> int:
        """Input px a px of the features, the first of them where their sizes differ."""

    @property
    def warm_name(self) -> str | None:
        """The name that the weights of its warm start are kept under; None for a backbone that has none.

        Such a backbone starts from random weights whatever is asked for: what the other rows of a table start from does
        not fit.
        """
        return None

    @property
    def start_word(self) -> str | None:
        """What a start by backbone calls it, as ``w32`` for HRNet-W32 and ``r50`` for ResNet-50; None for one without a name."""
        return None

    @property
    def warm_option(self) -> str:
        """The option of ``repro warm-start`` that names it; '' where there is none."""
        return ""

    def plain(self) -> Self:
        """The backbone that its warm start is made with, where that differs in what heads need."""
        return self

    def reduced(self) -> Self:
        """The backbone of reduced scales: narrower, and the least depth that has all its stages."""

    def build(self) -> nn.Module:
        """The backbone alone: a module from images (B, 3, H, W) to the list of its features."""


def warm_name(backbone: Any, label: str) -> str:
    """The name of a warm start: a label that people read, and six digits of the backbone's settings."""
    return f"people-parts-{label}-{serial.digest(backbone)[:6]}"
