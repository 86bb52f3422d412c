"""Every row's recipe at paper scale is as printed, or its file says where not and why."""

from __future__ import annotations

import pytest

from repro.errors import ReproError
from repro.papers import PAPERS
from repro.papers.details import blocks_of, details_of, deviations, printed_details, printed_file, said_deviations
from repro.papers.recipes import table_rows
from repro.recipe import Data
from repro.scales.scale import SCALES
from repro.tables.plan import table_recipes

TABLES = [(key, t.number) for key, paper in PAPERS.items() for t in paper.tables if table_rows(key, t.number)]


def paper_recipes(paper: str, number: int):
    """The recipes of rows as paper scale runs them on the paper's data set, with ImageNet weights apart."""
    data = Data(
        name=table_rows(paper, number).data,
        train_fingerprint="",
        train_count=10**5,
        val_fingerprint="",
        val_count=10**4,
    )
    made = table_recipes(paper, number, SCALES["paper"], data, (0,), (), "random")
    return {row: recipe for (row, _), recipe in made.items()}


@pytest.mark.parametrize(("paper", "number"), TABLES)
def test_every_detail_is_printed_or_taken_and_every_difference_is_stated(paper, number):
    recipes = paper_recipes(paper, number)
    for row, recipe in recipes.items():
        assert printed_details(paper, number, row).keys() == details_of(recipe).keys(), row
    unstated = [
        f"{one.row}: {one.field} is {one.ours}, printed {one.printed.value}"
        for one in deviations(paper, number, recipes)
        if not one.why
    ]
    assert not unstated, "\n".join(unstated)


@pytest.mark.parametrize("paper", PAPERS)
def test_no_statement_is_left_over(paper):
    recipes = {number: paper_recipes(paper, number) for key, number in TABLES if key == paper}
    used = {(one.field, one.why) for number, rows in recipes.items() for one in deviations(paper, number, rows)}
    assert used == {(block["field"], block["why"]) for block in printed_file(paper).get("differs", ())}
    for kind in ("details", "differs", "stated"):
        for block in printed_file(paper).get(kind, ()):
            about = [row for number, rows in recipes.items() for row in rows if blocks_of([block], number, row)]
            assert about, f"a block of {kind} is about no row: {block}"


def test_printed_values_are_those_of_the_papers():
    """Hand-read from the papers' sections on training."""
    cal = {name: one.value for name, one in printed_details("cal", 9, "cal-w48-384x288").items() if not one.taken}
    assert (cal["epochs"], cal["second_stage"], cal["drops"], cal["rotation"]) == (210, 40, [170, 200], 45)
    hgr = {name: one.value for name, one in printed_details("hgr", 5, "hgr-hrnet-w48-multi").items() if not one.taken}
    assert (hgr["epochs"], hgr["drops"], hgr["input"], hgr["scales"]) == (300, [200, 260], [640, 640], [0.5, 1.0, 2.0])
    sahg = {name: one.value for name, one in printed_details("sahg", 2, "baseline").items() if not one.taken}
    assert (sahg["batch"], sahg["scale"], sahg["rotation"]) == (12, [0.75, 1.25], 30)
    fowkal = {name: one.value for name, one in printed_details("fowkal", 2, "kal").items() if not one.taken}
    assert (fowkal["batch"], fowkal["warm_up"], fowkal["learning_rate"], fowkal["input"]) == (
        256,
        500,
        5e-4,
        [198, 256],
    )
    skeletal = printed_details("skeletal", 1, "proposed-w32-256x192")
    assert skeletal["weight_decay"].value == 1e-4 and not skeletal["weight_decay"].taken and skeletal["batch"].taken


def test_deviations_are_said_for_rows_together():
    lines = said_deviations("skeletal", 1, paper_recipes("skeletal", 1))
    assert lines[0].startswith("weight decay: printed 0.0001; ours 0. HRNet's files")
    assert lines[1].startswith("hrnet-w48-384x288, proposed-w48-384x288: batch: not printed, 96 in HRNet's files")
    said = said_deviations("hgr", 3, paper_recipes("hgr", 3))
    assert said[0].startswith("split: printed test-dev; ours test. The labels")
    assert said[-2].startswith("The released code's") and said[-1].startswith("HrHRNet's three heatmap branches")
    assert (
        sum(
            line.startswith("centernet-dla: start: not printed, imagenet in CenterNet's scripts; ours random.")
            for line in said
        )
        == 1
    )


def test_whole_bodies_take_a_detectors_boxes_at_paper_scale_and_where_its_file_is_given():
    data = Data(name="coco-wholebody", train_fingerprint="", train_count=999, val_fingerprint="", val_count=99)

    def boxes(scale: str, name: str, file: str | None = None) -> str:
        made = table_recipes(
            "fowkal", 2, SCALES[scale], Data(**{**vars(data), "name": name}), (0,), ("kal",), "random", file
        )
        return made["kal", 0].crop_evaluation.boxes

    assert (
        boxes("paper", "coco-wholebody", "detections-1")
        == "detections-1"
        == boxes("gpu", "coco-wholebody", "detections-1")
    )
    assert boxes("paper", "coco-wholebody") == "detector"
    assert boxes("gpu", "coco-wholebody") == "truth" == boxes("paper", "people")


def test_a_field_that_is_not_known_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(type(PAPERS), "folder", lambda self, key: tmp_path / key)
    (tmp_path / "some").mkdir()
    (tmp_path / "some" / "printed.toml").write_text('[[differs]]\nfield = "batch"\nbecause = "x"\n')
    with pytest.raises(ReproError, match="Block 1 of differs .* has because"):
        printed_file("some")
    (tmp_path / "some" / "printed.toml").write_text("[[differs\n")
    with pytest.raises(ReproError, match="cannot be read"):
        printed_file("some")
    assert printed_file("other") == {}
