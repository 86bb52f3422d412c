"""Studies: files that put rows together, read like a paper whose table nobody has printed."""

from __future__ import annotations

import pytest

from repro.decoders.weighted import WeightedInference
from repro.errors import ReproError
from repro.papers import PAPERS
from repro.papers.printed import reported
from repro.papers.recipes import table_rows
from repro.papers.studies import (
    HERE,
    Combination,
    RowName,
    find_study,
    keep_in_mind,
    make_study,
    read_study,
    write_study,
)

BASE = "cal/8/cal-w32-64x48"
TEXT = f"""
question = "Does weighted inference help CAL?"
base = "{BASE}"

[rows.weighted]
decoder = "WeightedInference(n=5)"

[rows.one-stage]
decoder = "WeightedInference(n=5)"
one_stage = true
baseline = "weighted"

[rows.udp]
base = "cal/8/udp-w32-64x48"
"""


@pytest.fixture(autouse=True)
def results(tmp_path, monkeypatch):
    """Results lie in the folder of the test."""
    monkeypatch.setenv("REPRO_RESULTS", str(tmp_path))
    return tmp_path


@pytest.fixture
def weighted(results):
    """The name of the study above."""
    (results / "weighted").mkdir()
    (results / "weighted" / "study.toml").write_text(TEXT)
    return "weighted"


def test_a_study_is_a_paper_with_one_table_that_is_not_counted(weighted):
    paper = PAPERS[weighted]
    assert [table.number for table in paper.tables] == [1] and weighted not in list(PAPERS)
    assert paper.table(1).settings == ("Decoder", "Stages", "Base")
    assert [column.label for column in paper.table(1).columns][:2] == ["AP", "AP^50"]
    assert all(column.metric != "params_M" for column in paper.table(1).columns)


def test_its_table_has_dashes_and_baselines(weighted):
    table = reported(weighted, 1).set_index("row")
    assert list(table.index) == ["cal-w32-64x48", "weighted", "one-stage", "udp"]
    assert list(table["baseline"]) == ["", "cal-w32-64x48", "weighted", "cal-w32-64x48"]
    assert list(table["Base"]) == [*["cal-w32-64x48"] * 3, "udp-w32-64x48"]
    assert list(table["Decoder"]) == ["as base", *["WeightedInference(n=5)"] * 2, "as base"]
    assert set(table["AP"]) == {"-"}


def test_its_rows_are_those_of_its_base_with_parts_exchanged(weighted):
    rows, own = table_rows(weighted, 1).rows, table_rows("cal", 8).rows
    base = own["cal-w32-64x48"].recipe
    assert rows["cal-w32-64x48"].recipe == base and rows["udp"].recipe == own["udp-w32-64x48"].recipe
    assert rows["weighted"].recipe == base.but(method=base.method.but(decoder=WeightedInference(n=5)))
    assert rows["weighted"].recipe.training_key == base.training_key  # which shares its training
    assert rows["one-stage"].recipe == rows["weighted"].recipe.but(second_stage=None)


def test_what_is_written_is_read_as_it_was(results):
    rows = {
        "one": Combination(RowName.parse(BASE), {"decoder": '{"type": "Dark", "kernel": 3}'}),
        "two": Combination(RowName.parse("cal/8/udp-w32-64x48"), {"loss": "my.parts:Loss(a='ä\"b')"}, True, "one"),
    }
    study = make_study("mine", 'Is it "so"?', RowName.parse(BASE), rows)
    file = write_study(study)
    again = read_study(file, "mine")
    assert (again.question, again.base, dict(again.rows)) == (study.question, study.base, dict(study.rows))
    assert write_study(study) == file  # once more
    with pytest.raises(ReproError, match="holds another study of this name"):
        write_study(make_study("mine", "another", RowName.parse(BASE), rows))


def test_one_that_is_kept_in_mind_is_found_before_it_is_written(results):
    rows = {"one": Combination(RowName.parse(BASE), {"decoder": "Argmax"})}
    assert "kept-in-mind" not in PAPERS
    keep_in_mind(make_study("kept-in-mind", "", RowName.parse(BASE), rows))
    assert list(table_rows("kept-in-mind", 1).rows) == ["cal-w32-64x48", "one"]
    assert PAPERS.folder("kept-in-mind") == results / "kept-in-mind"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("base = 3", "lacks a base"),
        (f'base = "{BASE}"', "has no combination"),
        ('base = "cal 8"\n[rows.a]\ndecoder = "Argmax"', "expected paper/table/row as in cal/8/dark-w32-64x48"),
        (f'base = "{BASE}"\n[rows.a]\ndecoder = 3', "decoder of .* is 3, expected a text"),
        (f'base = "{BASE}"\n[rows.a]\ncolour = "red"', "Unknown field of .* 'colour': choose one of encoder"),
        (f'base = "{BASE}"\n[rows.a]\n', "rows 'cal-w32-64x48' and 'a' of the study broken are the same"),
        (f'base = "{BASE}"\n[rows.a]\ndecoder = "Argmax"\nbaseline = "b"', "Unknown baseline of the row 'a' 'b'"),
        (f'base = "{BASE}"\n[rows."a/b"]\ndecoder = "Argmax"', "give letters, digits, dots and dashes"),
        (f'base = "{BASE}"\n[rows.cal-w32-64x48]\ndecoder = "Argmax"', "which is its base"),
        ("base =", "cannot be read"),
        ('answer = "42"', "Unknown field of .* 'answer'"),
    ],
)
def test_a_file_that_is_none_is_refused(results, text, says):
    file = results / "broken.toml"
    file.write_text(text)
    with pytest.raises(ReproError, match=says):
        read_study(file, "broken")


def test_rows_name_what_is_wrong_with_their_parts(results):
    for name, text, says in (
        ("no-part", 'decoder = "Drak"', "Row 'a' of the study no-part: Unknown type of decoder 'Drak'"),
        ("no-row", 'base = "cal/8/none"', "Row 'a' of the study no-row: Unknown row of table 8 of cal 'none'"),
        ("two-kinds", 'base = "hgr/4/baseline"', "crops of persons and rows with whole images"),
    ):
        (results / name).mkdir()
        (results / name / "study.toml").write_text(f'base = "{BASE}"\n[rows.a]\n{text}\n')
        with pytest.raises(ReproError, match=says):
            table_rows(name, 1)


def test_names_that_are_no_studies_are_not_found():
    for name in ("", "../x", "cal", "Best", "nothing-there"):
        assert find_study(name) is None


@pytest.mark.parametrize("file", sorted(HERE.glob("*.toml")), ids=lambda file: file.stem)
def test_studies_of_this_package_can_be_read(file):
    study = read_study(file, file.stem)
    assert study.question.endswith("?") and list(table_rows(file.stem, 1).rows) == list(study.rows)
