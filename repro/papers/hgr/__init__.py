"""HGR: bottom-up poses by heatmap-guided adaptive regression, keypoint heatmaps and a learnt ranking."""

from __future__ import annotations

from repro.papers.spec import Column, Paper, TableSpec, coco_columns

_AP = coco_columns("AP", "AP^50", "AP^75", "AP^M", "AP^L", "AR", "AR^M", "AR^L")
# Own rows are measured against HigherHRNet with associative embedding of the same width and input size: HrHRNet is
# HRNet with one deconvolution, so the HRNet rows share its backbone too. A table without such a row has no baseline.

PAPER = Paper(
    key="hgr",
    title="Bottom-Up Human Pose Estimation by Ranking Heatmap-Guided Adaptive Keypoint Estimates",
    authors=("Ke Sun", "Zigang Geng", "Depu Meng", "Bin Xiao", "Dong Liu", "Zhaoxiang Zhang", "Jingdong Wang"),
    tables=(
        TableSpec(
            number=1,
            caption="Parameters and operations of the networks; the printed table lies on its side",
            settings=("Method", "Input size"),
            columns=(Column("#param. (M)", "params_M"), Column("GFLOPs", "gflops")),
            data="counted at the input size, 17 keypoints",
            note=(
                "227.8 of AE-HG is 277.8 where HigherHRNet quotes it, with the same 206.9 GFLOPs. The authors' "
                "repository later printed 30.8/64.9, 67.0/174.3 and 67.0/181.9 for the three own networks."
            ),
        ),
        TableSpec(
            number=2,
            caption="Bottom-up methods on COCO val",
            settings=("Testing", "Method", "Input size"),
            columns=_AP,
            data="COCO val2017",
            note=(
                "AR^M and AR^L of the four HrHRNet rows are the numbers that HigherHRNet publishes as AP^M and AP^L: "
                "printed in the wrong columns. The text calls 70.1 the best performance although HrHRNet-W48 stands "
                "at 71.3. No row carries the asterisk that the caption explains."
            ),
        ),
        TableSpec(
            number=3,
            caption="Bottom-up methods on COCO test-dev",
            settings=("Testing", "Method", "Input size"),
            columns=_AP,
            data="COCO test-dev2017",
        ),
        TableSpec(
            number=4,
            caption="What guidance, tradeoff loss, adaptive representation and scoring add, one after the other",
            settings=("Heatmap guidance", "Tradeoff loss", "Adaptive representation", "Scoring"),
            columns=(
                Column("Regression quality", "AP_regression"),
                Column("Heatmap quality", "AP_heatmap"),
                Column("Final quality", "AP"),
            ),
            data="COCO val2017, HRNet-W32 at 512, single-scale testing",
            note=(
                "The final quality of the baseline is 64.5 here and 64.6 in the text and in Figure 4 (the gain of 3.2 "
                "counts from 64.6). Data and network are not stated: 67.8 is the HRNet-W32 row of Table 2."
            ),
        ),
        TableSpec(
            number=5,
            caption="Top-down and bottom-up methods on CrowdPose",
            settings=("Approach", "Testing", "Method", "Input size"),
            columns=(
                *coco_columns("AP", "AP^50", "AP^75"),
                Column("AP^E", "AP_easy"),
                Column("AP^M", "AP_medium"),
                Column("AP^H", "AP_hard"),
            ),
            data="CrowdPose test",
            note=(
                "The text speaks of 20K test images; 20K is the whole of CrowdPose. AP^M is medium crowding, not "
                "medium area. The text calls the 68.2 of HRNet-W48 the best; HrHRNet-W48 has the same AP."
            ),
        ),
    ),
)
