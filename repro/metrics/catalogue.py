"""The metrics by key: what each is called, in which unit tables show it, what it needs of a data set, whether it judges.

A metric that is added to an evaluation is listed here; papers, tables, figures and verdicts read its entry. Metrics of single
keypoints (``OKS/<keypoint>``) and shares of errors (``diagnosis/...``) are parts of others and stand in no table of numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Needs = Literal["oks", "pckh", "crowd", "torso", "network"]
NEEDS: dict[Needs, str] = {
    "oks": "person areas",
    "pckh": "head sizes",
    "crowd": "crowd indices",
    "torso": "shoulders and hips",
    "network": "a network",
}


@dataclass(frozen=True)
class Metric:
    """What is known about a metric.

    Args:
        key: the name in the metrics of a run.
        label: the name in tables and figures, superscripts after ``^``; printed tables may head its column otherwise.
        needs: what it is computed from, one of ``NEEDS``; ``network`` for what is counted and takes neither data nor training.
        unit: the unit of the number in tables: ``%``, or what a count is given in.
        higher: whether more is better.
        judges: whether it may decide the verdict on a step. Those that repeat another at one threshold or one size of person,
            recalls and counts are shown and decide nothing.
        beside: whether it is shown beside the printed columns where runs have it.
    """

    key: str
    label: str
    needs: Needs
    unit: str = "%"
    higher: bool = True
    judges: bool = False
    beside: bool = False

    @property
    def counted(self) -> bool:
        """Whether it is counted from the network alone."""
        return self.needs == "network"

    @property
    def factor(self) -> float:
        """What our figure is multiplied by in tables: fractions are shown as percentages, counts as they are."""
        return 100.0 if self.unit == "%" else 1.0


def _whole_body(part: str, name: str) -> tuple[Metric, Metric]:
    return Metric(f"{part}_AP", f"{name} AP", "oks", judges=True), Metric(f"{part}_AR", f"{name} AR", "oks")


# Extra columns stand in this order.
METRICS: dict[str, Metric] = {
    metric.key: metric
    for metric in (
        Metric("AP", "AP", "oks", judges=True, beside=True),
        Metric("AP50", "AP^50", "oks"),
        Metric("AP75", "AP^75", "oks"),
        Metric("AP_M", "AP^M", "oks"),
        Metric("AP_L", "AP^L", "oks"),
        Metric("AR", "AR", "oks"),
        Metric("AR50", "AR^50", "oks"),
        Metric("AR75", "AR^75", "oks"),
        Metric("AR_M", "AR^M", "oks"),
        Metric("AR_L", "AR^L", "oks"),
        Metric("AP_easy", "AP^easy", "crowd"),
        Metric("AP_medium", "AP^medium", "crowd"),
        Metric("AP_hard", "AP^hard", "crowd"),
        # hgr 4: the regressed poses alone, and the heatmaps grouped by true poses
        Metric("AP_regression", "regression AP", "oks", judges=True),
        Metric("AP_heatmap", "heatmap AP", "oks", judges=True),
        *_whole_body("body", "body"),
        *_whole_body("foot", "foot"),
        *_whole_body("face", "face"),
        *_whole_body("hand", "hand"),
        *_whole_body("whole", "whole-body"),
        Metric("OKS_regression", "regression OKS", "oks", judges=True, beside=True),
        Metric("OKS_heatmap", "heatmap OKS", "oks", judges=True, beside=True),
        Metric("OKS", "mean OKS", "oks", judges=True, beside=True),
        Metric("body_OKS", "body OKS", "oks", judges=True, beside=True),
        Metric("foot_OKS", "foot OKS", "oks", judges=True, beside=True),
        Metric("face_OKS", "face OKS", "oks", judges=True, beside=True),
        Metric("hand_OKS", "hand OKS", "oks", judges=True, beside=True),
        Metric("pckh@0.5", "PCKh@0.5", "pckh", judges=True),
        Metric("pckh@0.1", "PCKh@0.11", "pckh", judges=True),  # as HRNet's code reads 0.1, see metrics.pck
        Metric("pckh@0.10", "PCKh@0.10", "pckh", beside=True),  # the second reading of the column before
        Metric("pck@0.2", "PCK@0.2 torso", "torso", beside=True),
        Metric("params_M", "#Params", "network", unit="M", higher=False),
        Metric("gflops", "GFLOPs", "network", unit="G", higher=False),
    )
}
BESIDE = tuple(metric for metric in METRICS.values() if metric.beside)
COUNTED = frozenset(metric.key for metric in METRICS.values() if metric.counted)
COCO = ("AP", "AP50", "AP75", "AP_M", "AP_L", "AR", "AR50", "AR75", "AR_M", "AR_L")  # COCO's ten figures
