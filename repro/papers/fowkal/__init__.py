"""FoWKAL: keypoint-wise adaptive loss with foreground weights for whole-body poses."""

from __future__ import annotations

from repro.papers.spec import Column, Paper, TableSpec
from repro.skeletons.wholebody import BODY_PARTS

_PARTS = tuple(Column(f"{part} AP", f"{part}_AP") for part in BODY_PARTS)
_DATA = "COCO-WholeBody v1.0 val"

PAPER = Paper(
    key="fowkal",
    title="Keypoint-wise Adaptive Loss for Whole-Body Human Pose Estimation",
    authors=("Bongjo Seong", "Hyug-Jae Lee", "Rokkyu Lee"),
    tables=(
        TableSpec(
            number=1,
            caption="Bottom-up and top-down methods on COCO-WholeBody",
            settings=("Approach", "Method"),
            columns=(Column("whole-body AP", "whole_AP"), Column("whole-body AR", "whole_AR"), *_PARTS),
            data=_DATA,
            note=(
                "HRNet-w32 and HRNet-w32+DARK are MMPose's published rows, not trained by the authors (HRNet-w32 by "
                "an older evaluation of MMPose). The dagger of ZoomNet: trained on version 0.5 of the data set. The "
                "method is best in whole-body AP and AR, not in every part: ZoomNet has the better body and foot, "
                "Keypoint Communities the better face."
            ),
        ),
        TableSpec(
            number=2,
            caption="The loss: MSE, AWing, both by part, adaptive, and with foreground weights",
            settings=("Method", "MSE", "AWing", "KAL", "FWAHR"),
            columns=(Column("whole-body AP", "whole_AP"), *_PARTS),
            data=_DATA,
            note=(
                "The check marks here follow the caption, which names the parts of (a) to (f). The text says that the "
                "heuristic loss improves every part, but the hand falls from 50.3 to 48.4. Row (a) equals "
                "HRNet-w32+DARK of Table 1, which is MMPose's number."
            ),
        ),
        TableSpec(
            number=3,
            caption="Foreground weights against the weights of WAHR, on two losses",
            settings=("Method",),
            columns=(Column("Whole-body AP", "whole_AP"),),
            data=_DATA,
            note="The two rows with FWAHR are (e) and (f) of Table 2.",
        ),
    ),
)
