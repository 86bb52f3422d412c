"""Requests are all checked before the first sample is read, then planned in their order."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from repro.errors import ReproError
from repro.recipe import Data
from repro.scales.scale import SCALES
from repro.skeletons.skeleton import COCO17
from repro.tables import request
from repro.tables.request import Request, outline_tables, plan_tables

DATA = Data(name="people", train_fingerprint="0" * 16, train_count=64, val_fingerprint="1" * 16, val_count=32)
FIRST = Request("cal", 1, SCALES["smoke"], "people", None, (0, 1), ("cal-w32-128x96",), "random")


@pytest.fixture
def opened(tiny_samples, monkeypatch) -> list[tuple]:
    """Replaces the loading of samples; the arguments of each call."""
    calls = []

    def table_samples(*asked, decode=True, train=True, own=None):
        calls.append(asked)
        return tiny_samples, replace(DATA, name=asked[2])

    monkeypatch.setattr(request, "table_samples", table_samples)
    return calls


def test_tables_are_planned_in_order_and_counts_have_no_runs(opened, tiny_samples):
    counted = Request("hgr", 1, SCALES["smoke"], "people", None, (0,))
    first, second = plan_tables([FIRST, counted])
    assert list(first.recipes) == [("cal-w32-128x96", 0), ("cal-w32-128x96", 1)] and first.samples is tiny_samples
    assert second.recipes == {} and second.samples is None
    assert [asked[:3] for asked in opened] == [("cal", 1, "people")]
    assert first.seconds >= 0 and (first.request.title, second.request.title) == ("cal 1", "hgr 1")


def test_outlines_read_nothing_and_no_run_of_them_is_complete(opened):
    laptop = replace(FIRST, scale=SCALES["laptop"].of_length(0.25))
    scenes = replace(FIRST, paper="hgr", table=4, rows=(), scale=SCALES["laptop"])
    persons, images, counted = outline_tables([laptop, scenes, replace(FIRST, paper="hgr", table=1, rows=())])
    assert not opened and (counted.samples, counted.recipes) == (None, {})
    assert [(len(one.samples.train), len(one.samples.val)) for one in (persons, images)] == [(2000, 1000), (2000, 400)]
    assert list(persons.recipes) == [("cal-w32-128x96", 0), ("cal-w32-128x96", 1)]
    recipe = persons.recipes["cal-w32-128x96", 0]
    assert recipe.optimisation.epochs == 3 and recipe.data.train_count == 2000  # 6,000 crops
    assert persons.samples.val.skeleton == COCO17
    with pytest.raises(ReproError, match="Unknown row"):
        outline_tables([replace(FIRST, rows=("best",))])


def test_the_papers_scale_on_photographs_has_no_outline():
    paper = replace(FIRST, paper="cal", table=8, rows=(), data="coco", scale=SCALES["paper"])
    with pytest.raises(ReproError, match="Scale paper takes all persons of COCO 2017 keypoints.*leave MINUTES out"):
        outline_tables([paper])
    (drawn,) = outline_tables([replace(paper, data="people")])
    assert (len(drawn.samples.train), len(drawn.samples.val)) == (150_000, 5000)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"rows": ("best",)}, "Unknown row of table 1 of cal 'best'"),
        ({"data": "imagenet"}, "Unknown data set 'imagenet'"),
        ({"boxes": Path("b.json")}, "a detector's boxes are simulated on drawn people"),
        ({"data": "coco", "scale": SCALES["paper"]}, "no file of them was given"),
    ],
)
def test_what_cannot_be_done_is_told_before_anything_is_read(opened, wrong, message):
    with pytest.raises(ReproError, match=message):
        plan_tables([FIRST, replace(FIRST, **wrong)])
    assert not opened


def test_a_detectors_file_is_named_by_its_content_and_read_with_the_samples(opened, tmp_path):
    path = tmp_path / "boxes.json"
    path.write_text("[]")  # sha256 of these two bytes: 4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c2f11161202b945
    (table,) = plan_tables([replace(FIRST, data="coco", boxes=path)])
    assert {recipe.evaluation.boxes for recipe in table.recipes.values()} == {"detections-4f53cda18c2b"}
    assert opened[0][-1] == path
