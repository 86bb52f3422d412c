"""Numbers in sentences."""

from __future__ import annotations


def counted(number: int, what: str) -> str:
    """As ``1 run`` or ``1,200 runs``."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"
