"""A made-up paper with a new target, loss and head, as somebody would write it who uses this package."""

from repro.papers.spec import Paper, TableSpec, coco_columns

PAPER = Paper(
    key="wide_peaks",
    title="Wide Peaks Make Good Poses",
    authors=("A. N. Author",),
    tables=(
        TableSpec(
            number=1,
            caption="What wide peaks, a smooth loss and a deep head add to HRNet",
            settings=("Method",),
            columns=coco_columns("AP", "AP^50", "AR"),
            data="COCO val2017, ground-truth boxes",
        ),
    ),
)
