"""Which rows of hgr and sahg there are, which of them are the same training, and what tells them apart."""

from __future__ import annotations

from dataclasses import replace

import pytest

from repro.approaches.base import approach_of
from repro.approaches.bottom_up.approach import BOTTOM_UP
from repro.papers import PAPERS
from repro.papers.printed import reported
from repro.papers.recipes import shown_rows, table_rows
from repro.recipe import Data, Recipe
from repro.reporting.protocol import protocol_of
from repro.scales.scale import SCALES
from repro.skeletons.skeleton import COCO17, CROWDPOSE14
from repro.tables.plan import check_measurable, counted_columns, counts_alone, table_recipes, table_skeleton

DATA = Data(name="people", train_fingerprint="t", train_count=2000, val_fingerprint="v", val_count=400)
ALL = [(paper, table.number) for paper in ("hgr", "sahg") for table in PAPERS[paper].tables]


def recipe(paper: str, table: int, row: str) -> Recipe:
    return table_rows(paper, table).rows[row].recipe


@pytest.mark.parametrize(("paper", "table"), ALL)
def test_all_rows_but_the_cited_ones_have_recipes_that_go_through_json(paper, table):
    printed = reported(paper, table)
    rows = table_rows(paper, table).rows
    assert set(printed[printed["kind"] != "cited"]["row"]) == set(rows) - set(table_rows(paper, table).extras)
    for one in rows.values():
        assert Recipe.from_plain(one.recipe.to_plain()) == one.recipe
        assert approach_of(one.recipe) is BOTTOM_UP


@pytest.mark.parametrize(("paper", "table"), ALL)
def test_expected_steps_are_between_rows_of_the_table(paper, table):
    known = set(table_rows(paper, table).rows)
    assert all({one.baseline, one.row} <= known for one in table_rows(paper, table).expected)


@pytest.mark.parametrize("scale", ["smoke", "laptop", "gpu"])
@pytest.mark.parametrize(("paper", "table"), [one for one in ALL if one != ("hgr", 1)])
def test_a_scale_keeps_rows_apart_and_trainings_together(paper, table, scale):
    made = table_recipes(paper, table, SCALES[scale], DATA, (0,), start="random")
    rows = table_rows(paper, table).rows
    assert len({one.key for one in made.values()}) == len(rows)
    assert len({one.training_key for one in made.values()}) == len({one.recipe.training_key for one in rows.values()})


def test_rows_that_are_one_training():
    full = recipe("hgr", 4, "guidance-tradeoff-art-scoring")
    assert full == recipe("hgr", 2, "hgr-hrnet-w32")
    assert full.training_key == recipe("hgr", 4, "guidance-tradeoff-art").training_key
    for row in ("hgr-hrnet-w48", "hgr-hrnet-w48-multi"):
        assert recipe("hgr", 2, row).key != recipe("hgr", 3, row).key
        assert recipe("hgr", 2, row).training_key == recipe("hgr", 3, row).training_key
    final = recipe("sahg", 2, "sahg-wr")
    assert final == recipe("sahg", 3, "theta-0.010")
    assert final.training_key == recipe("sahg", 1, "sahg-w32-multi").training_key
    assert recipe("sahg", 2, "sahg") == recipe("sahg", 4, "s-thr-0.062")
    assert len({recipe("sahg", table, "baseline").key for table in (2, 3, 4)}) == 1


def test_the_split_that_is_evaluated_is_no_part_of_a_training():
    one = recipe("hgr", 2, "hgr-hrnet-w32").but(data=DATA)
    other = one.but(data=Data(name="people", train_fingerprint="t", train_count=2000, val_fingerprint="x", val_count=9))
    assert one.key != other.key and one.training_key == other.training_key


def test_the_rows_of_table_4_differ_in_one_part_each():
    rows = [recipe("hgr", 4, row) for row in table_rows("hgr", 4).rows if row != "baseline-box"]
    parts = [
        (
            r.method.network.guidance,
            r.method.encoder.background_weight,
            r.method.network.adaptive,
            r.evaluation.scoring is not None,
        )
        for r in rows
    ]
    assert parts == [
        (False, 1.0, False, False),
        (True, 1.0, False, False),
        (True, 0.1, False, False),
        (True, 0.1, True, False),
        (True, 0.1, True, True),
    ]


def test_the_row_of_footnote_4_is_the_baseline_with_another_centre():
    one, other = recipe("hgr", 4, "baseline"), recipe("hgr", 4, "baseline-box")
    encoder = replace(other.method.encoder, centre="mean")
    assert other.method.encoder.centre == "box" and other.training_key != one.training_key
    assert other.but(method=other.method.but(encoder=encoder)) == one


def test_compared_methods_of_sahg_are_hgrs_and_are_tested_as_its_text_says():
    for row, of in (("centernet-dla", "centernet-dla"), ("centernet-hg", "centernet-hg"), ("hrhrnet-w32", "hrhrnet-w32-ae")):
        assert recipe("sahg", 1, row).training_key == recipe("hgr", 2, of).training_key
        assert recipe("sahg", 1, row).evaluation.split == "test"
    assert recipe("sahg", 1, "sahg-w32-multi").evaluation.reading == "averaged"
    assert recipe("hgr", 2, "hgr-hrnet-w32-multi").evaluation.reading == "concatenated"


@pytest.mark.parametrize(("paper", "table"), [one for one in ALL if one != ("hgr", 1)])
def test_every_row_counts_the_best_scored_people_alone(paper, table):
    assert {row.recipe.evaluation.oks_of for row in table_rows(paper, table).rows.values()} == {"best"}


def test_centernet_alone_changes_colours():
    colours = {
        row: (one.recipe.augmentation.colour, one.recipe.augmentation.lighting)
        for row, one in table_rows("hgr", 2).rows.items()
    }
    assert {row: own for row, own in colours.items() if own != (0, 0)} == {
        "centernet-dla": (0.4, 0.1),
        "centernet-hg": (0.4, 0.1),
    }


def test_table_1_is_counted_alone_as_printed():
    assert counts_alone("hgr", 1) and not counts_alone("hgr", 2)
    printed = reported("hgr", 1).set_index("row")
    for row, counted in counted_columns("hgr", 1).items():
        assert f"{counted['params_M']:.1f}" == printed.loc[row, "#param. (M)"]
        assert counted["gflops"] == pytest.approx(float(printed.loc[row, "GFLOPs"]), abs=0.11)


def test_data_sets_of_bottom_up_tables():
    assert table_skeleton("hgr", 5, "people") is CROWDPOSE14 and table_skeleton("hgr", 2, "people") is COCO17
    for table in (2, 3, 4):
        check_measurable("hgr", table, "coco")
    check_measurable("hgr", 5, "crowdpose")
    with pytest.raises(
        Exception, match="Unknown data set for table 2 of hgr 'mpii': choose one of people, coco, crowdpose"
    ):
        check_measurable("hgr", 2, "mpii")
    with pytest.raises(Exception, match="Unknown data set 'cocoa'"):
        check_measurable("hgr", 2, "cocoa")


def test_the_protocol_says_what_explains_differences():
    assert protocol_of(recipe("hgr", 3, "hgr-hrnet-w32-multi")) == (
        "whole images, short side 512 · test split · flip test, aligned · scales 0.5, 1, 2 concatenated · grouper "
        "GuidedGrouper · scoring network · mean OKS of the best-scored people · from random weights"
    )
    short = protocol_of(recipe("hgr", 3, "hgr-hrnet-w32-multi"), "bfloat16", 0.5)
    assert short.endswith(" · from random weights · length 1/2 · computed in bfloat16")
    assert "single scale · grouper TagGrouper · naive scores" in protocol_of(recipe("hgr", 2, "hrhrnet-w32-ae"))


def test_added_rows_stand_behind_the_rows_they_belong_to():
    assert list(shown_rows("sahg", 3)["row"])[:2] == ["baseline", "tradeoff"]
