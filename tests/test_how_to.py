"""The examples of the how-tos run as they are pasted, and do what their page says.

An example in Python begins with a comment that names its file. A file of its own runs alone; one that goes ``into`` a module of
the package runs among the names of that module.
"""

from __future__ import annotations

import importlib
import io
import json
import re
import sys
import tomllib
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
import torch

from repro import paths
from repro.data.coco_format import own_skeleton
from repro.data.forms import DataSet, Wanted
from repro.errors import ReproError
from repro.metrics.catalogue import METRICS, Metric
from repro.papers.studies import read_study
from repro.parts import Network
from repro.recipe import Recipe
from repro.skeletons.skeleton import COCO17
from repro.support.protocols import misfit

from .data.tiny_data import coco_content, write_image

FOLDER = paths.ROOT / "docs" / "how-to"
SIXTH = Path(__file__).parent / "sixth_paper"
FILE = re.compile(r"# any script|# (?P<into>into )?.*?(?P<file>[\w/]+)\.py")


class Example(NamedTuple):
    """An example: its page, the module that it is or goes into, '' for a script, and its text."""

    page: str
    into: bool
    module: str
    text: str


def texts(page: str, language: str) -> list[str]:
    """The blocks of a page in a language; '' for those without one."""
    found = re.findall(r"^```(\w*)\n(.*?)^```$", (FOLDER / page).read_text(encoding="utf-8"), re.M | re.S)
    return [text for own, text in found if own == language]


def examples(page: str) -> list[Example]:
    """The examples of a page in Python."""
    found = []
    for text in texts(page, "python"):
        named = FILE.match(text)
        assert named, f"{page}: begin with the file that it is, as '# my_heads.py', not with {text.splitlines()[0]!r}."
        module = (named["file"] or "").replace("/", ".").removesuffix(".__init__")
        found.append(Example(page, bool(named["into"]), module, text))
    return found


PAGES = sorted(path.name for path in FOLDER.glob("*.md"))
EXAMPLES = [one for page in PAGES for one in examples(page)]


@pytest.fixture
def run(monkeypatch):
    """Runs an example, and gives the names that it leaves; a file of its own can be imported from then on."""
    mine = []

    def run(one: Example, **given: Any) -> SimpleNamespace:
        module = ModuleType(one.module or "script")
        if one.into:
            vars(module).update(vars(importlib.import_module(one.module)))
        elif one.module:
            mine.append(one.module)
            monkeypatch.setitem(sys.modules, one.module, module)
            if (SIXTH / one.module).is_dir():
                vars(module).update(__path__=[str(SIXTH / one.module)], __package__=one.module)
            elif "." in one.module:
                vars(module).update(__package__=one.module.rpartition(".")[0])
        vars(module).update(given)
        exec(compile(one.text, f"{one.page}: {one.module}", "exec"), vars(module))
        return SimpleNamespace(**vars(module))

    yield run
    for name in [name for name in sys.modules if name.partition(".")[0] in mine]:
        del sys.modules[name]  # what an example has imported of its own package


def test_every_page_is_listed_and_every_example_is_run_here():
    assert set(re.findall(r"\]\(([\w-]+\.md)\)", (FOLDER / "README.md").read_text())) == {*PAGES} - {"README.md"}
    counts = {page: sum(one.page == page for one in EXAMPLES) for page in PAGES}
    assert {page: count for page, count in counts.items() if count} == {
        "a-combination.md": 1, "a-data-set.md": 2, "a-head.md": 2, "a-metric.md": 3, "a-sixth-paper.md": 2,
    }  # fmt: skip


def test_a_data_set_is_read_and_checked(run, tmp_path):
    module, entry = examples("a-data-set.md")
    run(module)
    found = run(Example(entry.page, entry.into, entry.module, entry.text.replace("\nDataSet(", "\nENTRY = DataSet(")))
    street = found.ENTRY
    assert isinstance(street, DataSet) and street.name == "street" and street.skeleton == COCO17
    for first, split in enumerate(("train", "val")):
        content = coco_content(10 * first + 1)
        (tmp_path / f"street_{split}.json").write_text(json.dumps(content), encoding="utf-8")
        for image in content["images"]:
            write_image(tmp_path / "images" / image["file_name"], 40, 30)
    wanted = Wanted(tmp_path, "train", None, (96, 128), COCO17, None)
    labels = [int((one > 0).sum()) for one in street.persons.load(wanted).visibility]
    assert sorted(labels) == [5, 17] and len(street.images.load(wanted)) == 2  # the third image has nobody
    check = partial(street.check.check, coco_content(1), tmp_path, "train", True)
    assert not [one for one in check() if one[3] == "error"]
    (tmp_path / "images" / "1.jpg").unlink()
    assert [one[3] for one in check()].count("error") == 1
    with pytest.raises(ReproError, match=f"Street has no {tmp_path / 'street_test.json'}: expected street_"):
        street.persons.load(replace(wanted, split="test"))


def test_a_head_trains(run, tmp_path, monkeypatch, places, capsys):
    module, script = examples("a-head.md")
    heads = run(module)
    (tmp_path / "my_heads.py").write_text(module.text, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert misfit(heads.DeepHeadNetwork(), Network) == ""
    network = heads.DeepHeadNetwork(hidden=8).reduced().build(COCO17).eval()
    with torch.inference_mode():
        assert network(torch.zeros(1, 3, 64, 96))["heatmaps"].shape == (1, 17, 16, 24)
    run(script)
    assert "DeepHeadNetwork(backbone=HRNet(width=16" in capsys.readouterr().out


def test_a_metric_is_measured_and_known(run):
    formula, measured, entry = examples("a-metric.md")
    run(formula)
    figures: dict[str, float] = {}
    truth = np.zeros((2, 1, 2))
    poses = SimpleNamespace(points=truth + [6.0, 8.0])  # 10 px off, over diagonals of 50 and 100; the second is not labelled
    boxes = np.array([[0.0, 0.0, 30.0, 40.0], [0.0, 0.0, 60.0, 80.0]])
    persons = SimpleNamespace(keypoints=truth, visibility=np.array([[2.0], [0.0]]), boxes=boxes)
    run(measured, figures=figures, poses=poses, persons=persons)
    assert figures == {"box_error": pytest.approx(10 / 50)}
    found = run(Example(entry.page, entry.into, entry.module, entry.text.replace("Metric(", "ENTRY = Metric(", 1))).ENTRY
    assert isinstance(found, Metric) and found.key not in METRICS and not (found.higher or found.judges)


def test_a_paper_of_ones_own_has_rows_for_what_is_printed(run):
    paper, rows = (run(one) for one in examples("a-sixth-paper.md"))
    table = pd.read_csv(io.StringIO(next(text for text in texts("a-sixth-paper.md", "") if text.startswith("row,kind,"))))
    (spec,) = paper.PAPER.tables
    assert list(table) == ["row", "kind", "baseline", *spec.settings, *(column.label for column in spec.columns)]
    assert list(table["row"]) == list(rows.TABLES[1].rows)
    plain = rows.ROWS["wide"].recipe.to_plain()
    assert plain["method"]["encoder"] == {"type": "wide_peaks.parts:WidePeaks"}
    assert Recipe.from_plain(plain) == rows.ROWS["wide"].recipe


def test_the_study_of_a_combination_can_be_opened(tmp_path):
    (text,) = texts("a-combination.md", "toml")
    (tmp_path / "study.toml").write_text(text, encoding="utf-8")
    study = read_study(tmp_path / "study.toml", "study")
    assert list(study.rows) == ["cal-w32-64x48", *tomllib.loads(text)["rows"]]


def test_the_skeleton_of_own_keypoints_can_be_read(tmp_path):
    (text,) = texts("own-keypoints.md", "toml")
    (tmp_path / "hand.toml").write_text(text, encoding="utf-8")
    content = coco_content(1)
    content["categories"][0]["keypoints"] = ["wrist", "thumb_1", "thumb_2"]
    (tmp_path / "train.json").write_text(json.dumps(content), encoding="utf-8")
    skeleton = own_skeleton(tmp_path / "train.json", tmp_path / "hand.toml")
    assert (skeleton.name, len(skeleton), skeleton.sigma_array[0]) == ("hand21", 3, pytest.approx(0.03))
