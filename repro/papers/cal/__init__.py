"""CAL: confidence-aware learning of heatmap and offset for images of low resolution."""

from __future__ import annotations

from repro.papers.spec import Column, Paper, TableSpec, coco_columns

_AP = coco_columns("AP", "AP^50", "AP^75", "AP^M", "AP^L", "AR")
_COUNTED = (Column("#Params", "params_M"), Column("GFLOPs", "gflops"))
_VAL = "COCO val2017, detector boxes according to the text"
_BOXES = (
    "The text names the boxes of a detector with 65.1 AP, but the CAL rows look like ground-truth boxes: AP^50 "
    "reaches 92.6 and 93.6, AR stands only 3 above AP (6 in Table 1), and 78.5 in Table 4 at 256x192 exceeds 78.2 in "
    "Table 9 at 384x288."
)
_SAME_RUN = "The row with 74.3 AP is the same run in Tables 3 to 8."

PAPER = Paper(
    key="cal",
    title="Low-resolution Human Pose Estimation",
    authors=("Chen Wang", "Feng Zhang", "Xiatian Zhu", "Shuzhi Sam Ge"),
    tables=(
        TableSpec(
            number=1,
            caption="Methods trained and tested on low-resolution input, COCO test-dev",
            settings=("Method", "Backbone", "Input size"),
            columns=(*_COUNTED, *_AP),
            data="COCO test-dev, detector boxes",
            note=(
                "#Params and GFLOPs of the same CAL network disagree with Table 9 (110.3M against 110.2M; 5.3 at "
                "128x96 against 47.2 at nine times the pixels): they agree if this table rounds and Table 9 "
                "truncates. SimpleBaseline with ResNet-101 stands below the one with ResNet-50."
            ),
        ),
        TableSpec(
            number=2,
            caption="Low-resolution methods against super-resolution before the pose network",
            settings=("Method", "Backbone"),
            columns=_AP,
            data=_VAL,
            note=(
                "All rows start from 64x48 images; SPSR enlarges them to 256x192. The rows without SPSR are those of "
                "Table 8 at 64x48, with the boxes used there. SPSR's weights are not available to this package, which "
                "runs its rows with a stand-in."
            ),
        ),
        TableSpec(
            number=3,
            caption="The weight of the offset loss in the second stage: binary disc or mixed Gaussian mask",
            settings=("Mask Type",),
            columns=_AP,
            data=_VAL,
            note=f"{_BOXES} {_SAME_RUN}",
        ),
        TableSpec(
            number=4,
            caption="Number of components of the Gaussian mixture, at two resolutions",
            settings=("Resolution", "Components"),
            columns=_AP,
            data=_VAL,
            note=(
                f"{_BOXES} {_SAME_RUN} The row of three components at 128x96 equals Smooth L1 of Table 6 except for "
                "AP^M, and DARK of Table 8 except for AP^M, AP^L and AR: possibly slips of copying."
            ),
        ),
        TableSpec(
            number=5,
            caption="The target of the heatmap: binary disc or Gaussian-weighted disc",
            settings=("Heatmap Type",),
            columns=_AP,
            data=_VAL,
            note=f"{_BOXES} {_SAME_RUN}",
        ),
        TableSpec(
            number=6,
            caption="The loss of the offset field",
            settings=("Loss Type",),
            columns=_AP,
            data=_VAL,
            note=(
                f"{_BOXES} {_SAME_RUN} Smooth L1 equals DARK of Table 8 except for AP^L and AR, and L2 has those two "
                "of DARK: possibly slips of copying."
            ),
        ),
        TableSpec(
            number=7,
            caption="Mixed Gaussian masks from the first epoch, or only in a second stage",
            settings=("Training Strategy",),
            columns=_AP,
            data=_VAL,
            note=f"{_BOXES} {_SAME_RUN}",
        ),
        TableSpec(
            number=8,
            caption="HRNet, UDP, DARK and CAL at two low resolutions",
            settings=("Method", "Backbone", "Input size"),
            columns=_AP,
            data=_VAL,
            note=(
                f"{_BOXES} {_SAME_RUN} The text gives UDP a gain of 8.8 over HRNet-W48 at 128x96; the table gives 9.0 "
                "and Table 1 gives 8.5. Backbone and input size are printed once for four rows."
            ),
        ),
        TableSpec(
            number=9,
            caption="Methods at conventional, high-resolution input",
            settings=("Method", "Backbone", "Input size"),
            columns=(*_COUNTED, *_AP),
            data="COCO val2017, detector boxes",
            note=(
                "#Params of HRNet and UDP are exchanged: UDP publishes 63.6M for HRNet and 63.8M for itself, and "
                "Table 1 prints 63.6M and 63.7M. HRNet and UDP are the rows UDP publishes for val; the SimpleBaseline "
                "row is the one UDP publishes for test-dev, and IPR, RMPE and CPN are published for test-dev too, so "
                "the rows above HRNet are of another split than the caption says. #Params of IPR is 45.0M elsewhere. "
                "CAL: see the note of Table 1."
            ),
        ),
    ),
)
