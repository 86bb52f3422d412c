"""How labels are set: superscripts as such, thresholds of PCKh by their names."""

from __future__ import annotations

import re

_RAISED = str.maketrans("0123456789ML", "⁰¹²³⁴⁵⁶⁷⁸⁹ᴹᴸ")


def typeset(text: str) -> str:
    """A text with ``AP^50`` as AP⁵⁰, ``AP^M`` as APᴹ; the rest as it is."""
    return re.sub(r"\^(\d+|[ML]\b)", lambda found: found[1].translate(_RAISED), text)
