"""Skeletal: heatmaps of links between keypoints guide the last stage of HRNet; ranked pixels give the keypoint."""

from __future__ import annotations

from repro.papers.spec import Column, Paper, TableSpec

_PCKH = (Column("PCKh@0.5", "pckh@0.5"), Column("PCKh@0.1", "pckh@0.1"))
_PCKH_NOTE = (
    "37.7 of the HRNet-w32 row is HRNet's published value, and HRNet's evaluation reads it at the threshold 0.11, not "
    "0.1. HRNet publishes no MPII result for w48."
)

PAPER = Paper(
    key="skeletal",
    title="Human Pose Estimation Using Skeletal Heatmaps",
    authors=("Jinyoung Jun", "Jae-Han Lee", "Chang-Su Kim"),
    tables=(
        TableSpec(
            number=1,
            caption="HRNet with and without the proposed method on COCO, by input size and width",
            settings=("Input size", "Method"),
            columns=(
                Column("#Params", "params_M"),
                Column("GFLOPs", "gflops"),
                Column("mAP", "AP"),
                Column("AP (.5)", "AP50"),
                Column("AP (.75)", "AP75"),
                Column("AP (M)", "AP_M"),
                Column("AP (L)", "AP_L"),
                Column("mAR", "AR"),
            ),
            data="COCO val2017, ground-truth boxes",
            note=(
                "The text claims a gain over HRNet, and mAP and mAR bear it out, but AP (.5) falls by 1.0 at w32 "
                "256x192 (93.5 to 92.5), and AP (.75) and AP (M) fall at w48 384x288."
            ),
        ),
        TableSpec(
            number=2,
            caption="HRNet with and without the proposed method on MPII, by width",
            settings=("Method",),
            columns=_PCKH,
            data="MPII validation",
            note=_PCKH_NOTE,
        ),
        TableSpec(
            number=3,
            caption="What the skeletal attention module and weighted inference add, one after the other",
            settings=("Method",),
            columns=_PCKH,
            data="MPII validation",
            note=_PCKH_NOTE + " There is no row of HRNet with weighted inference alone.",
        ),
    ),
)
