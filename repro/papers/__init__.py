"""The papers: what each claims, and how each row of its tables is run."""

from __future__ import annotations

from repro.papers import cal, fowkal, hgr, sahg, skeletal
from repro.papers.spec import Paper

PAPERS: dict[str, Paper] = {
    paper.key: paper for paper in (skeletal.PAPER, cal.PAPER, hgr.PAPER, sahg.PAPER, fowkal.PAPER)
}
