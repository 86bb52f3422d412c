from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace

import numpy as np
import pytest

from repro import paths
from repro.errors import ReproError
from repro.metrics.error_gains import ERRORS
from repro.papers import PAPERS
from repro.reporting.examples import read_examples
from repro.reporting.keypoint_factors import KeptFactors, row_factors, write_factors
from repro.site.build import build_site, folders_of, studies_of
from repro.site.claims import linked
from repro.site.notebooks import copy_notebook, shown_notebooks
from repro.site.overview import HEADS, made_with, table_lines, write_index
from repro.site.table_page import curves_text, page_name, write_table_page
from repro.tables.view import TableView


def test_pages_are_named_by_table_and_what_it_was_made_with():
    assert page_name("cal", 8) == "tables/cal-8"
    assert page_name("cal", 8, "gpu-people-length0.25-20261127T011951-43a35ce") == "tables/cal-8-gpu-people-length0.25"
    assert page_name("cal", 8, "mine") == "tables/cal-8-mine"


def test_a_page_shows_table_steps_figures_protocol_and_provenance(tmp_path):
    (view, *_) = folders_of("skeletal", 3)
    write_table_page(view, tmp_path, "tables/skeletal-3", "https://e.org/a", {"lspet": "tables/other"}, first=True)
    text = (tmp_path / "tables/skeletal-3.md").read_text()
    assert [line for line in text.splitlines() if line.startswith("## ")] == [
        *("## Table", "## Steps", "## Figures", "## Protocol", "## Provenance")
    ]
    manifest = json.loads((view.folder / "manifest.json").read_text())
    for expected in (
        manifest["title"] and "What the skeletal attention module and weighted inference add",
        f"https://e.org/a/commit/{manifest['commit']}",
        *manifest["recipes"].values(),
        *(f"{package} {version}" for package, version in manifest["versions"].items()),
        "{py:class}`WeightedInference <repro.decoders.weighted.WeightedInference>`",
        "[lspet](/tables/other.md)",
    ):
        assert expected in text
    shown = re.findall(r"!\[([^\]]*)\]\(/(figures/[^)]*)\)", text)
    assert len(shown) == 3 and all(alt and (tmp_path / file).stat().st_size > 5000 for alt, file in shown)
    assert (tmp_path / "files/skeletal-3/table.csv").read_bytes() == (view.folder / "table.csv").read_bytes()


def test_a_page_shows_factors_and_gains_with_words(tmp_path):
    """A copy of the folder of fowkal 2, with factors of one keypoint each and with gains."""
    (view, *_) = folders_of("fowkal", 2)
    folder = shutil.copytree(view.folder, tmp_path / "folder")
    (tmp_path / "pages").mkdir()
    first = {"AP": 0.1, **dict.fromkeys(ERRORS, 0.15), "miss": 0.3}
    gains = {"alone": first, "cumulative": {**first, "missed": 1.0}}
    outcome = replace(view.outcome, runs=tuple(replace(run, gains=gains) for run in view.outcome.runs))
    drawn = read_examples(folder)[:2]
    rows = {"kal": row_factors(0, np.full((3, 133), 0.25), {100: np.linspace(0.1, 0.2, 266).reshape(2, 133)})}
    write_factors(KeptFactors(3, rows, drawn), folder, images=True)
    write_table_page(TableView(outcome, folder), tmp_path / "pages", "tables/fowkal-2", "", {}, first=True)
    text = (tmp_path / "pages/tables/fowkal-2.md").read_text()
    shown = {file: alt for alt, file in re.findall(r"!\[([^\]]*)\]\(/figures/fowkal-2-([^)]*)\)", text)}
    assert {"factors.png", "keypoint-factors.png", "factor-poses.jpg", "error-gains.png"} < set(shown)
    assert "(d) + KAL miss 20.0" in shown["error-gains.png"]
    assert "3 evaluation persons" in shown["keypoint-factors.png"] and "body 0.25 to 0.25" in shown["keypoint-factors.png"]
    assert shown["factor-poses.jpg"].startswith("2 persons") and "(d) + KAL body 0.0" in shown["factors.png"]
    assert all((tmp_path / f"pages/figures/fowkal-2-{file}").stat().st_size > 5000 for file in shown)


def test_a_table_of_counts_has_no_figures(tmp_path):
    (view, *_) = folders_of("hgr", 1)
    write_table_page(view, tmp_path, "tables/hgr-1", "", {}, first=True)
    text = (tmp_path / "tables/hgr-1.md").read_text()
    assert "Counted at the printed size" in text and "## Figures" not in text


def test_curves_are_told_by_what_rows_end_at():
    (view, *_) = folders_of("skeletal", 3)
    outcome = view.outcome
    ends = [run.curve[-1]["pckh@0.5"] for run in outcome.runs if run.row == "hrnet"]
    assert f"HRNet-w32 {100 * sum(ends) / len(ends):.1f}" in curves_text(outcome)


def test_every_table_has_a_line():
    for key, paper in PAPERS.items():
        if key != "skeletal":
            lines = table_lines(paper, {})
            assert all(line[2] == "no result folder yet" for line in lines)
    shown = {spec.number: folders_of("skeletal", spec.number)[0] for spec in PAPERS["skeletal"].tables}
    lines = table_lines(PAPERS["skeletal"], shown)
    assert [len(line) for line in lines] == 3 * [len(HEADS)]
    assert lines[2][0] == "[skeletal 3](/tables/skeletal-3.md)" and lines[2][2] == "people, laptop, seeds 0–2"
    assert lines[2][3].startswith("hrnet → attention, PCKh@0.5: +0.2, ")
    assert re.search(r"\d \[\w+\]\{\.verdict \.\w+\}", lines[2][4])


def test_counts_say_so():
    (view, *_) = folders_of("hgr", 1)
    assert made_with(view.outcome) == "counted at the printed size"


def test_notebooks_of_tables_are_left_out_and_pictures_get_words(tmp_path):
    names = [path.relative_to(paths.NOTEBOOKS).as_posix() for path in shown_notebooks()]
    assert {f"{key}/method.ipynb" for key in PAPERS} < set(names) and not any("/table" in name for name in names)
    path = paths.NOTEBOOKS / "skeletal" / "method.ipynb"
    assert copy_notebook(path, tmp_path) == "notebooks/skeletal-method"
    cells = json.loads((tmp_path / "notebooks/skeletal-method.ipynb").read_text())["cells"]
    drawn = [cell for cell in cells if any("image/png" in out.get("data", {}) for out in cell.get("outputs", ()))]
    assert drawn and all(cell["metadata"]["mystnb"]["image"]["alt"].startswith("Figure of “") for cell in drawn)


def test_a_folder_with_something_else_is_not_replaced(tmp_path, monkeypatch):
    monkeypatch.setattr("repro.site.build.find_spec", lambda name: name)
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(ReproError, match="holds something else than a site"):
        build_site(tmp_path)
    assert (tmp_path / "thesis.txt").read_text() == "mine"


def test_what_is_missing_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr("repro.site.build.find_spec", lambda name: None if name == "furo" else name)
    with pytest.raises(ReproError, match=r"The site needs furo: install them, as by `pip install .\[site\]`"):
        build_site(tmp_path / "out")


def test_claims_lead_to_pages_and_their_verdicts_are_marked():
    text = "| AP^50 | [laptop](cal/table8/one/table.md) | confirmed | [gpu](cal/table8/two/table.md) | not tried |"
    assert linked(text, {"cal/table8/one": "tables/cal-8"}) == (
        "| AP⁵⁰ | [laptop](/tables/cal-8.md) | [confirmed]{.verdict .confirmed} | [gpu] | [not tried]{.verdict .not-tried} |"
    )


def test_studies_have_a_part_of_the_first_page(tmp_path):
    assert studies_of({"cal", "best-pair", "nobody-knows"}) == ["best-pair"]
    line = ["[best-pair 1](/tables/best-pair-1.md)", "Which pair?", "people, laptop, seeds 0–2", "", "none"]
    lines = {key: [["", "", "", "", ""]] for key in PAPERS}
    write_index(tmp_path, lines, [], {"tables/best-pair-1": line})
    text = (tmp_path / "index.md").read_text(encoding="utf-8")
    assert "| [best-pair 1](/tables/best-pair-1.md) | Which pair? |" in text and "\n/tables/best-pair-1\n" in text
    write_index(tmp_path, lines, [])
    assert "Studies" not in (tmp_path / "index.md").read_text(encoding="utf-8")
