"""How labels are shown: superscripts as such, PCKh by the threshold that it is measured at."""

from __future__ import annotations

import re

from repro.metrics.catalogue import METRICS

_RAISED = str.maketrans("0123456789ML", "⁰¹²³⁴⁵⁶⁷⁸⁹ᴹᴸ")
_MEASURED = {"PCKh@0.1": METRICS["pckh@0.1"].label}  # heads of printed columns that name another threshold than the code's


def shown_label(label: str) -> str:
    """The head of a printed column as tables, figures and pages show it: ``PCKh@0.1`` of HRNet's code is measured at 0.11."""
    return _MEASURED.get(label, label)


def typeset(text: str) -> str:
    """A text with ``AP^50`` as AP⁵⁰, ``AP^M`` as APᴹ; the rest as it is."""
    return re.sub(r"\^(\d+|[ML]\b)", lambda found: found[1].translate(_RAISED), text)
