"""The table of metrics names what the evaluations give, once, and what the papers print."""

from __future__ import annotations

import pytest

from repro.metrics.catalogue import BESIDE, COCO, COUNTED, METRICS, NEEDS
from repro.metrics.coco import STATISTICS
from repro.metrics.pck import PCKH_THRESHOLDS
from repro.papers import PAPERS

PRINTED = [
    pytest.param(column, id=f"{key}-{table.number}-{column.label}")
    for key, paper in PAPERS.items()
    for table in paper.tables
    for column in table.columns
    if column.metric
]


def test_coco_has_the_ten_figures_of_the_evaluation_in_its_order() -> None:
    assert tuple(name for name, *_ in STATISTICS) == COCO


def test_pckh_is_listed_at_each_threshold() -> None:
    assert {key for key, metric in METRICS.items() if metric.needs == "pckh"} == set(PCKH_THRESHOLDS)


def test_labels_and_keys_tell_metrics_apart() -> None:
    assert len({metric.label for metric in METRICS.values()}) == len(METRICS)
    assert all(key == metric.key and metric.needs in NEEDS for key, metric in METRICS.items())


def test_extra_columns_keep_their_order() -> None:
    labels = [metric.label for metric in BESIDE]
    assert labels[:4] == ["AP", "regression OKS", "heatmap OKS", "mean OKS"]
    assert labels[4:] == ["body OKS", "foot OKS", "face OKS", "hand OKS", "PCKh@0.10", "PCK@0.2 torso"]


def test_counts_are_shown_as_they_are_and_judge_nothing() -> None:
    assert {"params_M", "gflops"} == COUNTED
    for metric in METRICS.values():
        assert metric.factor == (1.0 if metric.key in COUNTED else 100.0)
        assert metric.higher != (metric.key in COUNTED)
        assert not (metric.judges and metric.counted)


@pytest.mark.parametrize("column", PRINTED)
def test_what_papers_print_is_of_the_kind_that_the_head_of_the_column_says(column) -> None:
    needs = METRICS[column.metric].needs
    if "PCKh" in column.label:
        assert needs == "pckh"
    elif column.label[0] in "#G":
        assert needs == "network"
    else:
        assert needs in ("oks", "crowd")


@pytest.mark.parametrize("paper, number", [(key, table.number) for key, one in PAPERS.items() for table in one.tables])
def test_every_table_that_prints_what_is_measured_has_a_metric_that_judges(paper, number) -> None:
    printed = {c.metric for c in PAPERS[paper].table(number).columns if c.metric} - COUNTED
    assert not printed or any(METRICS[metric].judges for metric in printed)
