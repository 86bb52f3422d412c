"""Which rows of cal are the same run, and which part of a run they share."""

from __future__ import annotations

from dataclasses import replace

import pytest

from repro.approaches.top_down.scale import shown_size
from repro.data.detections import SIMULATED
from repro.decoders.offset import OffsetDecoder
from repro.encoders.offsets import OffsetField
from repro.losses.offsets import WeightedOffsetLoss
from repro.papers.printed import reported
from repro.papers.recipes import shown_rows, table_rows
from repro.recipe import Data, Recipe
from repro.scales.scale import SCALES
from repro.tables.plan import table_divisor, table_recipes

DATA = Data(name="people", train_fingerprint="t", train_count=4000, val_fingerprint="v", val_count=1000)


def recipe(table: int, row: str) -> Recipe:
    return table_rows("cal", table).rows[row].recipe


def at(scale: str, table: int) -> dict[str, Recipe]:
    found = table_recipes("cal", table, SCALES[scale], DATA, (0,))
    return {row: one for (row, _), one in found.items()}


@pytest.mark.parametrize("table", range(1, 10))
def test_all_rows_but_the_cited_ones_have_recipes(table):
    printed = reported("cal", table)
    assert set(printed[printed["kind"] != "cited"]["row"]) <= set(table_rows("cal", table).rows)
    for one in table_rows("cal", table).rows.values():
        assert Recipe.from_plain(one.recipe.to_plain()) == one.recipe


def test_the_row_with_74_3_is_one_run():
    same = [(3, "mgm"), (4, "128x96-k1"), (5, "gaussian"), (6, "l1"), (7, "two-stage"), (8, "cal-w32-128x96")]
    assert len({recipe(*row).key for row in same}) == 1


@pytest.mark.parametrize("width", [32, 48])
@pytest.mark.parametrize("method", ["hrnet", "udp", "cal"])
def test_table_2_without_super_resolution_is_table_8_at_64x48(method, width):
    assert recipe(2, f"{method}-w{width}").key == recipe(8, f"{method}-w{width}-64x48").key


def test_the_ablations_of_the_second_stage_share_the_first():
    shared = recipe(3, "mgm").first_stage.training_key
    assert recipe(3, "binary").first_stage.training_key == shared
    for resolution in ("128x96", "256x192"):
        stages = [recipe(4, f"{resolution}-k{k}").first_stage.training_key for k in (1, 2, 3)]
        assert len(set(stages)) == 1
        assert len({recipe(4, f"{resolution}-k{k}").training_key for k in (1, 2, 3)}) == 3
    others = [recipe(5, "binary"), recipe(6, "l2"), recipe(6, "smooth-l1"), recipe(7, "one-stage")]
    assert len({one.first_stage.training_key for one in others} | {shared}) == 5


def test_distinct_trainings_with_the_boxes_of_the_truth():
    """8 at 64x48, 8 at 128x96, 7 ablation variants of one of them and 8 controls, 3 at 256x192 (with CAL alone)."""
    keys: dict[tuple[int, int], set[str]] = {}
    for table in range(3, 9):
        for one in table_rows("cal", table).rows.values():
            keys.setdefault(one.recipe.input.size, set()).add(one.recipe.training_key)
    assert {size: len(found) for size, found in keys.items()} == {(48, 64): 8, (96, 128): 8 + 7 + 8, (192, 256): 3}


@pytest.mark.parametrize("table", range(1, 10))
def test_boxes_are_a_detectors_in_tables_1_and_9_alone(table):
    boxes = {one.recipe.evaluation.boxes for one in table_rows("cal", table).rows.values()}
    assert boxes == {"detector" if table in (1, 9) else "truth"}


def test_below_paper_scale_boxes_are_simulated_and_networks_those_of_table_8():
    ours = at("laptop", 1)
    assert {one.evaluation.boxes for one in ours.values()} == {SIMULATED}
    theirs = at("laptop", 8)
    for method in ("hrnet", "udp", "cal"):
        row = f"{method}-w32-128x96"
        assert ours[row].training_key == theirs[row].training_key and ours[row].key != theirs[row].key


def test_super_resolution_doubles_the_crops_at_laptop_scale():
    assert table_divisor("cal", 2, SCALES["laptop"]) == 1
    assert shown_size(recipe(2, "udp-spsr-w32")) == (48, 64)
    ours = at("laptop", 2)["udp-spsr-w32"]
    assert (ours.input.size, ours.evaluation.enlarged_from) == ((96, 128), (48, 64))
    assert ours.training_key == at("laptop", 8)["udp-w32-128x96"].training_key
    assert at("smoke", 2)["udp-spsr-w32"].input.size == (96, 128)  # still twice the crops


def test_stages_are_scaled_alike():
    one = at("laptop", 7)
    for row in ("one-stage", "two-stage"):
        # 24,000 crops of 4,000 persons are 6 epochs, 40 / 210 of them 1.1
        assert (one[row].optimisation.epochs, one[row].second_stage.epochs) == (6, 1)
    assert one["one-stage"].method.loss == one["one-stage"].second_stage.loss
    assert one["two-stage"].method.loss == WeightedOffsetLoss(distance="l1", mask="heatmap")
    paper = recipe(7, "two-stage")
    assert (paper.optimisation.epochs, paper.second_stage.epochs) == (210, 40)


@pytest.mark.parametrize("table", range(1, 10))
def test_radii_of_targets_masks_and_decoders_agree(table):
    for one in table_rows("cal", table).rows.values():
        method = one.recipe.method
        if isinstance(method.encoder, OffsetField) and isinstance(method.decoder, OffsetDecoder):
            assert method.encoder.radius == method.decoder.radius == 4
            if one.recipe.second_stage:
                assert one.recipe.second_stage.loss.mixture.radius == 4


def test_rows_that_are_added_stand_behind_those_they_explain():
    rows = shown_rows("cal", 8).set_index("row")
    order = list(rows.index)
    assert len(order) == 16 + 4 * 5
    assert order[:3] == ["hrnet-w32-64x48", "hrnet-quarter-w32-64x48", "udp-w32-64x48"]
    assert rows.loc["cal-argmax-w48-128x96", "kind"] == "extra"
    assert rows.loc["cal-argmax-w48-128x96", "Method"] == "CAL, no offset"
    assert list(rows[rows["kind"] != "extra"].index) == list(reported("cal", 8)["row"])
    table = table_rows("cal", 8)
    for step in table.expected:
        assert {step.baseline, step.row} <= set(table.rows)
    trained = {table.rows[row].recipe.training_key for row in table.extras}
    assert trained <= {table.rows[row].recipe.training_key for row in set(table.rows) - set(table.extras)}


def test_controls_of_the_mask_share_the_first_stage_and_its_end_is_a_row():
    rows = table_rows("cal", 3).rows
    assert len({row.recipe.first_stage.training_key for row in rows.values()}) == 1
    end = recipe(3, "first-stage")
    assert end.second_stage is None and end.training_key == recipe(3, "mgm").first_stage.training_key
    losses = {name: row.recipe.second_stage.loss for name, row in rows.items() if row.recipe.second_stage}
    assert losses["second-stage-g"] == recipe(3, "mgm").method.loss
    assert replace(losses["mgm-normalised"], normalised=False) == losses["mgm"]
    assert replace(losses["binary-normalised"], normalised=False) == losses["binary"]
    assert losses["mgm-all"].mixture == replace(losses["mgm"].mixture, keep_outliers=True)


@pytest.mark.parametrize(
    ("table", "row", "plain", "kernels"),
    [
        (1, "udp-blur-w32-128x96", "udp-w32-128x96", (7, 3)),
        (2, "udp-blur-w48", "udp-w48", (7, 3)),
        (8, "udp-blur-w32-64x48", "udp-w32-64x48", (7, 3)),
        (8, "udp-blur-printed-w32-64x48", "udp-w32-64x48", (15, 7)),
        (9, "udp-blur-w48-384x288", "udp-w48-384x288", (15, 7)),
    ],
)
def test_udp_with_its_own_decoder_shares_the_training(table, row, plain, kernels):
    one, other = recipe(table, row), recipe(table, plain)
    assert one.training_key == other.training_key and one.evaluation == other.evaluation
    blurred = replace(other.method.decoder, heatmap_blur=kernels[0], offset_blur=kernels[1])
    assert one.method.decoder == blurred


def test_smooth_l1_has_its_corner_at_one_px_in_both_stages():
    made, printed = recipe(6, "smooth-l1-px"), recipe(6, "smooth-l1")
    assert made.method.loss.corner * made.method.encoder.radius == 1
    for one, other in ((made.method.loss, printed.method.loss), (made.second_stage.loss, printed.second_stage.loss)):
        assert one == replace(other, corner=0.25)


def test_darks_crops_differ_most_where_boxes_are_small():
    """Half a crop of 96 px, as far from the centre as 100 s: UDP's scale against DARK's, for a box 150 px wide."""
    width, side = 96, 150
    edge = side / 2
    assert edge * (width - 1) / (side - 1) - edge * (width - 1) / side == pytest.approx(0.32, abs=0.005)


def test_super_resolution_is_judged_against_both_what_it_enlarges_and_cal():
    steps = {(step.baseline, step.row) for step in table_rows("cal", 2).expected}
    assert ("hrnet-w32", "hrnet-spsr-w32") in steps and ("udp-spsr-w48", "cal-w48") in steps
    for before, after in steps:
        assert {before, after} <= set(table_rows("cal", 2).rows)


def test_ablations_differ_in_one_thing():
    base = recipe(3, "mgm")
    binary = recipe(5, "binary")
    assert replace(binary.method.encoder, heatmap="gaussian") == base.method.encoder
    assert binary.second_stage == base.second_stage and binary.method.loss == base.method.loss
    l2 = recipe(6, "l2")
    assert (l2.method.loss.distance, l2.second_stage.loss.distance) == ("l2", "l2")
    assert recipe(3, "binary").second_stage.loss.mask == "disc"
