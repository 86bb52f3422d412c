"""The printed numbers: every table loads, and every cell stands where the paper prints it.

The comparison with the print needs the papers' texts: set REPRO_PAPERS to a folder with files that begin with 000_,
001_, and so on.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pandas as pd
import pytest

from repro.errors import ReproError
from repro.papers import PAPERS
from repro.papers.printed import reported
from repro.papers.spec import Column, TableSpec, coco_columns, printed_value, read_table

TABLES = [(paper.key, table.number) for paper in PAPERS.values() for table in paper.tables]
FILES = {"sahg": "000_", "hgr": "001_", "skeletal": "002_", "fowkal": "003_", "cal": "004_"}

# hgr 1 is printed on its side and has a test of its own.
UPRIGHT = [table for table in TABLES if table != ("hgr", 1)]
# In these papers the caption stands above its table, in the others below.
CAPTION_ABOVE = {"sahg", "hgr"}
# Settings that name a group of rows are read from the heading above the row: the words that a heading may hold.
HEADINGS = {"Testing": "single-scale|multi-scale", "Approach": "top-down|bottom-up"}
# The print states these once beside the middle of several rows; the extraction puts them at any row of the group and
# garbles some ("HDNot W49" for HRNet-W48). They were read by eye and are typed here.
PRINTED_ONCE = {
    ("skeletal", 1, "Input size"): ["256x192"] * 4 + ["384x288"] * 4,
    ("cal", 4, "Resolution"): ["128x96"] * 3 + ["256x192"] * 3,
    ("cal", 8, "Backbone"): (["HRNet-W32"] * 4 + ["HRNet-W48"] * 4) * 2,
    ("cal", 8, "Input size"): ["64x48"] * 8 + ["128x96"] * 8,
}
# The extraction of fowkal 2 keeps three of the check marks; the caption tells what each method is made of.
MARKS = {
    "mse": ["(a)", "yes", "no", "no", "no"],
    "awing": ["(b)", "no", "yes", "no", "no"],
    "heuristic": ["(c)", "yes", "yes", "no", "no"],
    "kal": ["(d)", "no", "no", "yes", "no"],
    "heuristic-fwahr": ["(e)", "yes", "yes", "no", "yes"],
    "fowkal": ["(f)", "no", "no", "yes", "yes"],
}

# A few cells of every table, typed from the print by hand: (row, column, cell).
CELLS = {
    ("skeletal", 1): [
        ("proposed-w48-256x192", "#Params", "65.3M"),
        ("proposed-w48-256x192", "mAP", "77.9"),
        ("hrnet-w32-384x288", "GFLOPs", "16.0"),
        ("hrnet-w32-384x288", "Input size", "384x288"),
        ("proposed-w32-256x192", "AP (.5)", "92.5"),
        ("proposed-w48-384x288", "mAR", "81.0"),
    ],
    ("skeletal", 2): [("proposed-w32", "PCKh@0.1", "39.6"), ("hrnet-w48", "PCKh@0.5", "90.5")],
    ("skeletal", 3): [("attention", "PCKh@0.1", "38.1"), ("attention-weighted", "PCKh@0.5", "90.6")],
    ("cal", 1): [
        ("cal-w48-128x96", "#Params", "110.3M"),
        ("cal-w48-128x96", "GFLOPs", "5.3"),
        ("udp-w32-128x96", "AP", "67.9"),
        ("simplebaseline-r101-128x96", "AP", "59.7"),
    ],
    ("cal", 2): [("udp-spsr-w48", "AP", "54.1"), ("hrnet-w32", "AP^75", "13.1"), ("cal-w32", "AR", "64.8")],
    ("cal", 3): [("binary", "AP", "73.3"), ("mgm", "AP^M", "72.1")],
    ("cal", 4): [
        ("128x96-k3", "Resolution", "128x96"),
        ("128x96-k3", "AP", "72.8"),
        ("256x192-k1", "Resolution", "256x192"),
        ("256x192-k2", "AP^75", "85.9"),
    ],
    ("cal", 5): [("binary", "AP", "72.3"), ("gaussian", "AP^L", "77.5")],
    ("cal", 6): [("l2", "AP^50", "91.6"), ("smooth-l1", "AP^M", "70.7"), ("l1", "AP", "74.3")],
    ("cal", 7): [("one-stage", "AP", "73.7"), ("two-stage", "AR", "77.2")],
    ("cal", 8): [
        ("dark-w48-64x48", "Backbone", "HRNet-W48"),
        ("dark-w48-64x48", "Input size", "64x48"),
        ("dark-w48-64x48", "AP", "57.4"),
        ("udp-w48-128x96", "Backbone", "HRNet-W48"),
        ("udp-w48-128x96", "Input size", "128x96"),
        ("udp-w48-128x96", "AP", "71.9"),
        ("dark-w32-128x96", "AR", "75.9"),
    ],
    ("cal", 9): [
        ("hrnet-w48-384x288", "#Params", "63.8M"),
        ("cal-w48-384x288", "GFLOPs", "47.2"),
        ("ipr-r101-256x256", "AR", "-"),
    ],
    ("hgr", 1): [("ae-hg", "#param. (M)", "227.8"), ("hgr-hrnet-w48", "GFLOPs", "170.1")],
    ("hgr", 2): [
        ("hrhrnet-w32-ae", "AP^M", "-"),
        ("hrhrnet-w32-ae", "AR^M", "61.5"),
        ("hgr-hrnet-w32", "AP", "67.8"),
        ("hgr-hrhrnet-w48-multi", "AR^L", "85.4"),
    ],
    ("hgr", 3): [("spm", "AP", "66.9"), ("hgr-hrhrnet-w48", "AP", "70.2"), ("ae-refined-multi", "AR^L", "78.1")],
    ("hgr", 4): [
        ("baseline", "Final quality", "64.5"),
        ("guidance-tradeoff-art", "Regression quality", "65.1"),
        ("guidance-tradeoff", "Heatmap quality", "73.2"),
        ("guidance-tradeoff", "Adaptive representation", "no"),
    ],
    ("hgr", 5): [("openpose", "AP^E", "62.7"), ("openpose", "AP", "-"), ("hgr-hrnet-w48-multi", "AP^H", "58.9")],
    ("sahg", 1): [("sahg-w32", "AP", "66.6"), ("personlab", "AR^50", ""), ("personlab", "AR^M", "66.1")],
    ("sahg", 2): [("sahg", "WR loss", "no"), ("sahg", "AP", "66.1"), ("sahg-wr", "AP^75", "73.4")],
    ("sahg", 3): [("theta-0.010", "AP", "67.5"), ("baseline", "AR", "70.8")],
    ("sahg", 4): [("s-thr-0.035", "AP^M", "53.6"), ("s-thr-0.072", "AR^L", "81.5")],
    ("fowkal", 1): [
        ("fowkal-w32", "whole-body AR", "71.1"),
        ("zoomnet", "foot AP", "79.8"),
        ("keypoint-communities", "whole-body AR", "-"),
    ],
    ("fowkal", 2): [("heuristic", "hand AP", "48.4"), ("kal", "foot AP", "73.4"), ("fowkal", "FWAHR", "yes")],
    ("fowkal", 3): [("heuristic-wahr", "Whole-body AP", "59.6"), ("kal-fwahr", "Whole-body AP", "61.6")],
}


@cache
def text(key: str) -> tuple[str, ...]:
    """The lines of a paper's text; skips the test where the texts are not at hand."""
    folder = os.environ.get("REPRO_PAPERS")
    if not folder:
        pytest.skip("REPRO_PAPERS is unset: set it to the folder of the papers' texts, files 000_* to 004_*")
    paths = list(Path(folder).glob(FILES[key] + "*"))
    assert len(paths) == 1, f"REPRO_PAPERS={folder} must hold one file whose name begins with {FILES[key]}"
    return tuple(paths[0].read_text(encoding="utf-8").split("\n"))


def cell(raw: str) -> str:
    """A cell of the text without bold, mathematics and blanks, with one kind of dash."""
    return re.sub(r"</?\w+>|\\mathrm|[$*{}\s]", "", raw).replace("—", "-")


def squash(raw: str) -> str:
    """What a setting says: no citation, blanks or mark-up, in lower case, with x for a multiplication sign."""
    plain = re.sub(r"\[\d+\]|\([^()]*\d{4}\)|</?\w+>|\\\w+", "", raw.replace("×", "x"))
    return re.sub(r"[^a-z0-9.*+]", "", plain.lower())


def heading(lines: tuple[str, ...], words: str) -> str:
    """The word that the last heading of a group among the lines holds, or nothing."""
    above = (line.lower() for line in reversed(lines) if re.search("single-scale|multi-scale|methods", line))
    match = re.search(words, next(above))
    return match[0] if match else ""


def has_cells(line: str, numbers: list[str], offset: int) -> bool:
    """Whether the cells of the line from ``offset`` on are the numbers, gaps and dashes included, and then nothing."""
    cells = [cell(c) for c in line.split("\t")][offset:]
    return cells[: len(numbers)] == numbers and not any(cells[len(numbers) :])


def printed_rows(key: str, number: int) -> list[int]:
    """The lines of the text that hold the rows of our table, in order and without other rows between them."""
    table, lines, frame = PAPERS[key].table(number), text(key), reported(key, number)
    rows = frame[[column.label for column in table.columns]].to_numpy().tolist()
    offset = len([setting for setting in table.settings if setting not in HEADINGS])
    for start in (i for i, line in enumerate(lines) if has_cells(line, rows[0], offset)):
        found = [start]
        for row in rows[1:]:
            # One line may lie between two rows: the heading of a group.
            nearby = range(found[-1] + 1, min(found[-1] + 3, len(lines)))
            if (at := next((i for i in nearby if has_cells(lines[i], row, offset)), None)) is None:
                break
            found.append(at)
        if len(found) == len(rows) and nearest_caption(key, found) == number:
            return found
    raise AssertionError(f"The rows of table {number} of {key} do not stand together in the text")


def nearest_caption(key: str, found: list[int]) -> int:
    """The number in the caption that belongs to the rows at these lines."""
    lines = text(key)
    order = reversed(range(found[0])) if key in CAPTION_ABOVE else range(found[-1] + 1, len(lines))
    for i in order:
        if match := re.match(r"\**table (\d+|[iv]+)(:|\**$)", lines[i].strip().lower()):
            return {"i": 1, "ii": 2, "iii": 3}.get(match[1]) or int(match[1])
    raise AssertionError(f"No caption near line {found[0]} of {key}")


@pytest.mark.parametrize(("key", "number"), TABLES)
def test_table_loads_and_its_cells_are_numbers(key: str, number: int) -> None:
    table, frame = PAPERS[key].table(number), reported(key, number)
    assert tuple(frame.columns) == table.header
    assert len(frame) >= 2
    for column in table.columns:
        values = [printed_value(c) for c in frame[column.label]]
        assert any(v is not None for v in values)
        assert all(v is None or v > 0 for v in values)
        assert all(v is None or v <= 100 for v in values) or column.metric in ("params_M", "gflops")
    for setting in table.settings:
        assert not set(frame[setting]) & {"yes", "no"} or set(frame[setting]) <= {"yes", "no"}


@pytest.mark.parametrize(("key", "number"), TABLES)
def test_slugs_are_fit_for_file_names_and_baselines_are_baselines(key: str, number: int) -> None:
    frame = reported(key, number).set_index("row")
    assert all(re.fullmatch(r"[a-z0-9][a-z0-9.-]*", row) for row in frame.index)
    assert set(frame.loc[frame["kind"] != "own", "baseline"]) <= {""}
    assert "own" in set(frame["kind"])
    used = frame[frame["baseline"] != ""]
    assert set(frame.loc[list(used["baseline"]), "kind"]) <= {"rerun", "own"}
    # A change is measured at the same input, test and, where the table names it, backbone.
    for same in {"Input size", "Resolution", "Testing", "Backbone"} & set(frame.columns):
        assert list(used[same]) == list(frame.loc[list(used["baseline"]), same])


def test_the_five_papers_have_24_tables() -> None:
    assert {key: [t.number for t in paper.tables] for key, paper in PAPERS.items()} == {
        "skeletal": [1, 2, 3],
        "cal": [1, 2, 3, 4, 5, 6, 7, 8, 9],
        "hgr": [1, 2, 3, 4, 5],
        "sahg": [1, 2, 3, 4],
        "fowkal": [1, 2, 3],
    }
    assert list(PAPERS) == ["skeletal", "cal", "hgr", "sahg", "fowkal"]
    assert set(CELLS) == set(TABLES)


@pytest.mark.parametrize(("key", "number"), TABLES)
def test_cells_typed_by_hand(key: str, number: int) -> None:
    frame = reported(key, number).set_index("row")
    assert [(row, column, frame.loc[row, column]) for row, column, _ in CELLS[key, number]] == CELLS[key, number]


def test_rows_that_are_one_run_print_the_same_numbers() -> None:
    # cal prints the 74.3 row six times, and the 64x48 rows of Table 8 again in Table 2.
    best = ["74.3", "92.6", "81.5", "72.1", "77.5", "77.2"]
    runs = [(3, "mgm"), (4, "128x96-k1"), (5, "gaussian"), (6, "l1"), (7, "two-stage"), (8, "cal-w32-128x96")]
    six = ["AP", "AP^50", "AP^75", "AP^M", "AP^L", "AR"]
    for number, row in runs:
        assert list(reported("cal", number).set_index("row").loc[row, six]) == best
    two, eight = (reported("cal", n).set_index("row")[six] for n in (2, 8))
    for row in ("hrnet-w32", "hrnet-w48", "udp-w32", "udp-w48", "cal-w32", "cal-w48"):
        assert list(two.loc[row]) == list(eight.loc[f"{row}-64x48"])
    # sahg: Table 2 alone and together are rows of Tables 4 and 3; fowkal: Table 3 repeats (e) and (f) of Table 2.
    five = ["AP", "AP^50", "AP^75", "AP^M", "AP^L"]
    parts, theta, s_thr = (reported("sahg", n).set_index("row")[five] for n in (2, 3, 4))
    assert list(parts.loc["sahg-wr"]) == list(theta.loc["theta-0.010"])
    assert list(parts.loc["sahg"]) == list(s_thr.loc["s-thr-0.062"])
    assert list(parts.loc["baseline"]) == list(theta.loc["baseline"]) == list(s_thr.loc["baseline"])
    loss, weights = (reported("fowkal", n).set_index("row") for n in (2, 3))
    assert loss.loc["heuristic-fwahr", "whole-body AP"] == weights.loc["heuristic-fwahr", "Whole-body AP"]
    assert loss.loc["fowkal", "whole-body AP"] == weights.loc["kal-fwahr", "Whole-body AP"]


@pytest.mark.parametrize(("key", "number"), TABLES)
def test_every_number_is_a_token_of_the_text(key: str, number: int) -> None:
    tokens = set(re.findall(r"\d+(?:\.\d+)?", "\n".join(text(key))))
    frame = reported(key, number).drop(columns=["row", "kind", "baseline"])
    ours = {token for c in frame.to_numpy().ravel() for token in re.findall(r"\d+(?:\.\d+)?", c)}
    assert ours <= tokens


@pytest.mark.parametrize(("key", "number"), UPRIGHT)
def test_rows_stand_in_the_text_cell_by_cell_in_our_order(key: str, number: int) -> None:
    assert len(printed_rows(key, number)) == len(reported(key, number))


@pytest.mark.parametrize(("key", "number"), UPRIGHT)
def test_every_printed_row_is_in_our_table(key: str, number: int) -> None:
    # Whatever lies between the first and the last row and is not ours has no number in its columns.
    found, lines = printed_rows(key, number), text(key)
    others = [lines[i] for i in range(found[0], found[-1]) if i not in found]
    assert not [line for line in others if re.search(r"\d", "".join(line.split("\t")[1:]))]
    # The line above the first row and the one below the last are no rows either.
    width = len(PAPERS[key].table(number).columns)
    for line in (lines[found[0] - 1], lines[found[-1] + 1]):
        assert not [c for c in line.rstrip("\t").split("\t")[-width:] if re.fullmatch(r"\d+\.\d+M?", cell(c))]


@pytest.mark.parametrize(("key", "number"), UPRIGHT)
def test_settings_stand_beside_the_numbers(key: str, number: int) -> None:
    lines, frame, found = text(key), reported(key, number), printed_rows(key, number)
    settings = PAPERS[key].table(number).settings
    for setting in settings:
        expected = PRINTED_ONCE.get((key, number, setting))
        if expected is None and setting in HEADINGS:
            expected = [heading(lines[:at], HEADINGS[setting]) for at in found]
        elif expected is None:
            position = [name for name in settings if name not in HEADINGS].index(setting)
            expected = [lines[at].split("\t")[position] for at in found]
        if set(frame[setting]) <= {"yes", "no"}:
            marked = ["yes" if "✓" in c or "checkmark" in c else "no" for c in expected]
            lost = (key, number) == ("fowkal", 2)
            assert all(m == c or (lost and m == "no") for m, c in zip(marked, frame[setting], strict=True))
        else:
            assert [squash(c) for c in frame[setting]] == [squash(c) for c in expected]


def test_check_marks_that_the_extraction_lost() -> None:
    assert reported("fowkal", 2).set_index("row")[["Method", "MSE", "AWing", "KAL", "FWAHR"]].T.to_dict("list") == MARKS


def test_column_labels_are_those_of_the_text() -> None:
    # The head of skeletal 1, and of cal 1 without its mathematics; hgr prints AP50 with raised digits.
    assert "\t".join(PAPERS["skeletal"].table(1).header[3:]).replace("x", "×") in text("skeletal")
    cal = "\t".join(PAPERS["cal"].table(1).header[3:])
    assert cal in [line.replace("{", "").replace("}", "") for line in text("cal")]
    assert "\t".join(PAPERS["hgr"].table(4).header[3:]) in text("hgr")


def test_the_table_on_its_side() -> None:
    frame = reported("hgr", 1)
    lines = [line.split("\t") for line in text("hgr")]
    start = lines.index(["Input size", *frame["Input size"]])
    assert lines[start - 1] == ["", *frame["Method"]]
    assert lines[start + 1] == ["#param. (M)", *frame["#param. (M)"]]
    assert lines[start + 2] == ["GFLOPs", *frame["GFLOPs"]]


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("29.3M", 29.3),
        ("76.5", 76.5),
        ("512", 512),
        ("", None),
        ("-", None),
        ("—", None),
        ("+0.4", 0.4),
        (" -1.5 ", -1.5),
    ],
)
def test_printed_value(cell: str, value: float | None) -> None:
    assert printed_value(cell) == value


@pytest.mark.parametrize("cell", ["(76.5)", "76.5 (+0.4)", "29.3K", "nan", "7.", "1,234", "yes"])
def test_printed_value_refuses_what_is_not_one_number(cell: str) -> None:
    with pytest.raises(ReproError, match=r"The printed cell .* is not a number: write digits"):
        printed_value(cell)


def test_unknown_papers_tables_and_metrics_are_named_with_the_choices() -> None:
    with pytest.raises(ReproError, match="Unknown paper 'resnet': choose one of skeletal, cal, hgr, sahg, fowkal."):
        reported("resnet", 1)
    with pytest.raises(ReproError, match="sahg has no table 5: choose 1, 2, 3 or 4."):
        reported("sahg", 5)
    with pytest.raises(ReproError, match="Unknown metric of the column 'mAP' 'mAP': choose one of AP, AP50"):
        Column("mAP", "mAP")
    with pytest.raises(ReproError, match="Unknown label of a COCO column 'AP50': choose one of AP, AP"):
        coco_columns("AP", "AP50")
    assert Column("FPS", None).metric is None


HEAD = "row,kind,baseline,Method,AP"
GOOD = f"{HEAD}\na,rerun,,A,1.0\nb,own,a,B,2.0\n"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "has the columns of an empty file: its first line must be row,kind,baseline,Method,AP."),
        (GOOD.replace("Method", "Name"), "has the columns row, kind, baseline, Name, AP: its first line must be"),
        (GOOD.replace(",B,2.0", ",2.0"), "Line 3 of .* has 4 cells: give one for each of the 5 columns."),
        (GOOD.replace("2.0", "2.0,3.0"), "Line 3 of .* has 6 cells"),
        (GOOD.replace("b,own,a", "a,own,a"), "names the row 'a' 2 times: make every name unique."),
        (GOOD.replace("rerun", "baseline"), "Unknown kind of the row 'a' in .* 'baseline': choose one of own, rerun,"),
        (GOOD.replace("own,a", "own,c"), "The row 'b' in .* has the baseline 'c': name another row of the same table"),
        (GOOD.replace("own,a", "own,b"), "The row 'b' in .* has the baseline 'b': name another row of the same table"),
    ],
)
def test_a_file_that_breaks_the_conventions_is_refused(tmp_path: Path, content: str, message: str) -> None:
    table = TableSpec(number=1, caption="A table", settings=("Method",), columns=coco_columns("AP"), data="COCO val")
    path = tmp_path / "table1.csv"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(ReproError, match=message):
        read_table(table, path)
    path.write_text(GOOD, encoding="utf-8")
    rows = [["a", "rerun", "", "A", "1.0"], ["b", "own", "a", "B", "2.0"]]
    good = pd.DataFrame(rows, columns=HEAD.split(","), dtype=str)
    pd.testing.assert_frame_equal(read_table(table, path), good)
    with pytest.raises(ReproError, match="nowhere.csv does not exist: install the package with its data."):
        read_table(table, tmp_path / "nowhere.csv")


def test_the_papers_import_no_torch() -> None:
    code = "import sys, repro.papers; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
