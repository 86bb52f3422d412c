from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from repro.approaches.top_down import samples as samples_of_persons
from repro.data.drawn.settings import WHOLE_BODY
from repro.errors import ReproError
from repro.metrics.counts import count_gflops, count_parameters
from repro.papers import recipes as rows_of_papers
from repro.papers.recipes import Row, TableRows, runnable_rows
from repro.papers.skeletal.rows import HRNET, PROPOSED, TABLES, mpii_row
from repro.recipe import Data
from repro.scales.scale import SCALES
from repro.skeletons.skeleton import COCO17, LSPET14, MPII16
from repro.skeletons.wholebody import WHOLEBODY133
from repro.tables.plan import (
    check_boxes,
    check_measurable,
    check_rows,
    counted_columns,
    table_divisor,
    table_recipes,
    table_samples,
    table_skeleton,
)

from ..tiny_runs import BACKBONE, tiny_persons

LAPTOP, SMOKE = SCALES["laptop"], SCALES["smoke"]
DATA = Data(name="lspet", train_fingerprint="0" * 16, train_count=4000, val_fingerprint="1" * 16, val_count=800)


@pytest.mark.parametrize(("number", "divisor"), [(1, 4), (2, 4), (3, 4)])
def test_the_divisor_of_a_table_at_laptop_scale(number, divisor):
    assert table_divisor("skeletal", number, LAPTOP) == divisor


def test_recipes_are_named_by_row_and_seed_rows_first():
    recipes = table_recipes("skeletal", 3, LAPTOP, DATA, (4, 0), start="random")
    rows = ("hrnet", "attention", "attention-weighted", "hrnet-weighted")
    assert list(recipes) == [(row, seed) for row in rows for seed in (4, 0)]
    assert {recipe.seed for (_, seed), recipe in recipes.items() if seed == 4} == {4}
    assert {recipe.input.size for recipe in recipes.values()} == {(64, 64)}
    assert {recipe.data for recipe in recipes.values()} == {DATA}


def test_a_row_that_is_made_where_it_is_asked_for_is_left_out_else():
    asked = table_recipes("skeletal", 3, LAPTOP, DATA, (0,), ("attention-weighted-decay",), start="random")
    (decayed,) = asked.values()
    plain = table_recipes("skeletal", 3, LAPTOP, DATA, (0,), start="random")["attention-weighted", 0]
    assert decayed == plain.but(optimisation=replace(plain.optimisation, weight_decay=1e-4))


def test_chosen_rows_keep_the_recipes_of_the_whole_table():
    # the small input alone would fit with a divisor of 2
    everything = table_recipes("skeletal", 1, LAPTOP, DATA, (0,), start="random")
    one = table_recipes("skeletal", 1, LAPTOP, DATA, (0,), ("hrnet-w32-256x192",), start="random")
    assert one == {("hrnet-w32-256x192", 0): everything["hrnet-w32-256x192", 0]}
    assert one["hrnet-w32-256x192", 0].input.size == (48, 64)


def test_an_unknown_row_is_refused_with_those_there_are():
    message = "Unknown row of table 3 of skeletal 'best': choose one of hrnet, attention, attention-weighted."
    with pytest.raises(ReproError, match=message):
        check_rows("skeletal", 3, ("hrnet", "best"))
    with pytest.raises(ReproError, match=message):
        table_recipes("skeletal", 3, LAPTOP, DATA, (0,), ("best",))


def test_a_printed_row_without_a_recipe_is_refused_with_those_that_have(monkeypatch):
    rows = TableRows(data="mpii", skeleton=MPII16, rows={"hrnet": mpii_row(HRNET, 32)})
    monkeypatch.setattr(rows_of_papers, "table_rows", lambda paper, number: rows)
    with pytest.raises(
        ReproError, match="Row 'attention' of table 3 of skeletal is not yet reproducible: choose hrnet."
    ):
        check_rows("skeletal", 3, ("attention",))


def test_a_table_without_recipes_is_refused(monkeypatch):
    monkeypatch.setattr(rows_of_papers, "table_rows", lambda paper, number: None)
    with pytest.raises(ReproError, match="Table 3 of skeletal is not yet reproducible"):
        runnable_rows("skeletal", 3)


@pytest.mark.parametrize(("number", "data"), [(1, "coco"), (1, "mpii"), (2, "mpii"), (3, "lspet"), (3, "people")])
def test_data_sets_that_can_measure_a_table(number, data):
    check_measurable("skeletal", number, data)


@pytest.mark.parametrize("number", [2, 3])
def test_a_data_set_that_cannot_measure_a_table_is_refused_with_those_that_can(number):
    message = (
        f"Table {number} of skeletal cannot be measured on COCO 2017 keypoints, which has no head sizes: "
        "choose one of people, mpii, lspet."
    )
    with pytest.raises(ReproError) as caught:
        check_measurable("skeletal", number, "coco")
    assert str(caught.value) == message


def test_an_unknown_data_set_is_refused():
    with pytest.raises(ReproError, match="Unknown data set 'cocoa': choose one of people, coco, mpii, lspet."):
        check_measurable("skeletal", 3, "cocoa")


def test_drawn_people_take_the_skeleton_of_the_papers_data_set():
    assert table_skeleton("skeletal", 1, "people") is COCO17
    assert table_skeleton("skeletal", 3, "people") is MPII16
    assert table_skeleton("skeletal", 3, "lspet") is LSPET14


def test_counted_columns_are_those_of_the_counted_network_at_the_papers_size(monkeypatch):
    # The proposed rows count a multi-scale stage 4 that is not trained.
    plain, counted = (replace(BACKBONE, multi_scale_stage4=multi) for multi in (False, True))
    network = replace(PROPOSED.network, backbone=counted)
    recipe = mpii_row(PROPOSED.but(network=replace(PROPOSED.network, backbone=plain)), 16).recipe
    rows = TableRows(data="coco", skeleton=COCO17, rows={"proposed-w32-256x192": Row(recipe, network)})
    monkeypatch.setattr(rows_of_papers, "table_rows", lambda paper, number: rows)
    built = network.build(COCO17)
    expected = {"params_M": count_parameters(built) / 1e6, "gflops": count_gflops(built, (256, 256))}
    assert counted_columns("skeletal", 1) == {"proposed-w32-256x192": expected}
    assert counted_columns("skeletal", 1, ("hrnet-w32-256x192",)) == {}


def test_tables_that_print_no_counts_count_nothing():
    assert counted_columns("skeletal", 3) == {}


@pytest.fixture
def loads(tmp_path, monkeypatch) -> list[dict]:
    """Replaces the loading of persons by synthetic ones; the arguments of each call."""
    calls = []

    def load_persons(name, root, split, **kept):
        calls.append({"name": name, "root": root, "split": split, **kept})
        count = 5 if split == "train" else 3
        return tiny_persons(tmp_path / split, count, seed=count)

    monkeypatch.setattr(samples_of_persons, "load_persons", load_persons)
    monkeypatch.setenv("REPRO_CACHE", str(tmp_path / "cache"))
    return calls








def test_drawn_people_have_limits_of_their_own_and_the_size_of_the_tables_largest_input(loads):
    table_samples("skeletal", 1, "people", None, replace(LAPTOP, drawn_train=12, drawn_val=7))
    assert [(c["split"], c["limit"]) for c in loads] == [("train", 12), ("val", 7)]
    assert {c["size"] for c in loads} == {(72, 96)}  # 288 x 384 by 4
    assert {c["skeleton"] for c in loads} == {COCO17}










def test_every_table_of_the_papers_that_has_recipes_can_be_planned():
    for number in TABLES:
        made = table_recipes("skeletal", number, LAPTOP, DATA, (0, 1), start="random")
        assert len(made) == 2 * len(TABLES[number].taken())


def test_whole_bodies_are_drawn_close_up_and_learned_in_batches_of_their_own(loads):
    table_samples("fowkal", 2, "people", None, replace(LAPTOP, drawn_train=12, drawn_val=7))
    assert {c["skeleton"] for c in loads} == {WHOLEBODY133} and all(c["people"] == WHOLE_BODY for c in loads)
    recipes = table_recipes("fowkal", 2, LAPTOP, replace(DATA, name="people"), (0,), start="random")
    assert {(r.optimisation.batch, r.optimisation.learning_rate) for r in recipes.values()} == {(8, 1e-3)}


FILE = Path("/boxes.json")


@pytest.mark.parametrize(
    ("table", "scale", "data", "boxes"),
    [
        (("cal", 1), "laptop", "people", None),
        (("cal", 1), "paper", "people", None),  # drawn people have simulated boxes at all scales
        (("cal", 1), "paper", "lspet", None),
        (("cal", 9), "smoke", "coco", None),
        (("cal", 9), "smoke", "coco", FILE),
        (("cal", 1), "paper", "coco-wholebody", FILE),
        (("cal", 8), "paper", "coco", None),
        (("hgr", 2), "paper", "coco", None),
    ],
)
def test_a_detectors_file_where_it_fits_and_none_where_none_is_needed(table, scale, data, boxes):
    check_boxes(*table, SCALES[scale], data, boxes)


@pytest.mark.parametrize(
    ("table", "scale", "data", "boxes", "message"),
    [
        (
            ("cal", 1),
            "paper",
            "coco",
            None,
            "no file of them was given: name one in COCO's result format, as in BOXES=",
        ),
        (
            ("cal", 1),
            "laptop",
            "people",
            FILE,
            "a detector's boxes are simulated on drawn people: leave BOXES out, or choose .* one of coco, coco-",
        ),
        (("cal", 9), "laptop", "lspet", FILE, "boxes are simulated on Leeds Sports Pose Extended: leave BOXES out"),
        (
            ("cal", 8),
            "laptop",
            "coco",
            FILE,
            "no effect on table 8 of cal: its rows are evaluated on true boxes; leave",
        ),
        (
            ("hgr", 2),
            "laptop",
            "coco",
            FILE,
            "no effect on table 2 of hgr: its rows are evaluated on whole images; leave",
        ),
    ],
)
def test_a_detectors_file_out_of_place_or_missing_is_told_in_a_sentence(table, scale, data, boxes, message):
    with pytest.raises(ReproError, match=message):
        check_boxes(*table, SCALES[scale], data, boxes)


def test_a_detectors_file_is_another_evaluation_of_the_same_trainings():
    own = ("cal", 1, LAPTOP, replace(DATA, name="coco"), (0,))
    first, second = (table_recipes(*own, start="random", boxes=f"detections-{name}") for name in "ab")
    simulated = table_recipes(*own, start="random")
    for row, recipe in first.items():
        assert recipe.evaluation.boxes == "detections-a" and second[row].evaluation.boxes == "detections-b"
        assert len({recipe.key, second[row].key, simulated[row].key}) == 3
        assert recipe.training_key == second[row].training_key == simulated[row].training_key


