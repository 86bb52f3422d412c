"""Result folders: one that is there is whole, and the index is a function of those that are there."""

from __future__ import annotations

import json
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from repro import paths
from repro.errors import ReproError
from repro.reporting.folders import (
    committed_manifests,
    compare_folders,
    find_folder,
    folder_name,
    manifests,
    new_folder,
    newest_folder,
    write_index,
)


@pytest.fixture(autouse=True)
def _results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REPRO_RESULTS", str(tmp_path))


def write_manifest(folder: Path, created: str, table: int = 3, data: str = "people", **more: Any) -> None:
    """A manifest with the fields that the index shows."""
    manifest = {
        "paper": "skeletal",
        "table": table,
        "scale": "smoke",
        "data": data,
        "seeds": [0, 1],
        "rows": {"a": ""},
    }
    more = {"created": created, "commit": "c0ffee", "dirty": False, "minutes": 2, **more}
    (folder / "manifest.json").write_text(json.dumps(manifest | more))


def test_a_folder_appears_when_its_block_ends(tmp_path: Path) -> None:
    with new_folder("skeletal", 3, "one") as folder:
        assert folder_name(folder) == "one"
        assert manifests() == {}
        write_manifest(folder, "2026-01-01")
        assert manifests() == {}
    assert list(manifests()) == ["skeletal/table3/one"]
    index = pd.read_csv(tmp_path / "index.csv", dtype=str)
    assert index.loc[0, ["folder", "seeds", "rows", "commit"]].tolist() == ["skeletal/table3/one", "0 1", "1", "c0ffee"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError, ValueError])
def test_whatever_ends_the_block_early_leaves_nothing(tmp_path: Path, error: type[BaseException]) -> None:
    with pytest.raises(error), new_folder("skeletal", 3, "one") as folder:
        write_manifest(folder, "2026-01-01")
        raise error
    assert list((tmp_path / "skeletal" / "table3").iterdir()) == []
    assert not (tmp_path / "index.csv").exists()


def test_the_newest_folder_is_the_one_created_last() -> None:
    for version, created in (("b", "2026-01-02"), ("c", "2026-01-03"), ("a", "2026-01-01")):
        with new_folder("skeletal", 3, version) as folder:
            write_manifest(folder, created)
    assert newest_folder("skeletal", 3).name == "c"
    with pytest.raises(ReproError, match="make reproduce PAPER=skeletal TABLE=2"):
        newest_folder("skeletal", 2)


def test_the_newest_folder_is_on_the_data_set_that_is_named_where_there_is_one() -> None:
    for version, created, data in (("a", "2026-01-01", "people"), ("b", "2026-01-02", "lspet")):
        with new_folder("skeletal", 3, version) as folder:
            write_manifest(folder, created, data=data)
    assert [newest_folder("skeletal", 3, data).name for data in ("people", "lspet", "coco", "")] == ["a", "b", "b", "b"]


def test_the_newest_folder_is_one_of_the_scales_own_length() -> None:
    for version, created, length in (("a", "2026-01-01", 1), ("b", "2026-01-02", 0.5), ("c", "2026-01-03", 2.0)):
        with new_folder("skeletal", 3, version) as folder:
            write_manifest(folder, created, length=length)
    assert newest_folder("skeletal", 3).name == "a"
    with new_folder("cal", 3, "short") as folder:
        write_manifest(folder, "2026-01-04", paper="cal", length=0.125)
    with pytest.raises(ReproError, match="Table 3 of cal has no result folder"):
        newest_folder("cal", 3)


def test_a_folder_is_found_by_the_end_of_its_name() -> None:
    with new_folder("skeletal", 3, "one") as folder:
        write_manifest(folder, "2026-01-01")
    assert find_folder("one") == find_folder("skeletal/table3/one") == newest_folder("skeletal", 3)
    with pytest.raises(ReproError, match="There is no result folder 'ne': give .*in them.*: skeletal/table3/one.$"):
        find_folder("ne")


def test_a_name_that_many_folders_have_a_part_of_is_told_how_to_choose() -> None:
    with pytest.raises(ReproError, match="no result folder 'smoke', and none at all yet: run `make reproduce"):
        find_folder("smoke")
    for number in range(9):
        with new_folder("skeletal", 3, f"laptop-{number}") as folder:
            write_manifest(folder, f"2026-01-0{number + 1}")
    with pytest.raises(ReproError) as refused:
        find_folder("laptop")
    assert str(refused.value) == (
        "There is no result folder 'laptop': give one folder of one table, by its name as `repro results list` shows it or by "
        "the last part of that. Those whose names have 'laptop' in them, the newest first: skeletal/table3/laptop-8, "
        "skeletal/table3/laptop-7, skeletal/table3/laptop-6, skeletal/table3/laptop-5 and 5 more."
    )
    with pytest.raises(ReproError, match="'smoke': .* Those that there are, the newest first: skeletal/table3/laptop-8, "):
        find_folder("smoke")
    with new_folder("cal", 3, "laptop-8") as folder:
        write_manifest(folder, "2026-01-01", paper="cal")
    with pytest.raises(ReproError, match="'laptop-8' names 2 result folders: .*of these, .*: skeletal/table3/.*, cal/"):
        find_folder("laptop-8")


def test_indexes_written_at_once_are_whole(tmp_path: Path) -> None:
    for version in "abcdef":
        with new_folder("skeletal", 3, version) as folder:
            write_manifest(folder, version)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: write_index(tmp_path), range(16)))
    assert list(pd.read_csv(tmp_path / "index.csv")["folder"]) == [f"skeletal/table3/{v}" for v in "abcdef"]
    assert not list(tmp_path.glob(".index*"))


def test_a_version_that_is_taken_gets_a_number(tmp_path: Path) -> None:
    with new_folder("skeletal", 3, "one") as first, new_folder("skeletal", 3, "one") as second:
        assert (folder_name(first), folder_name(second)) == ("one", "one-2")
        for folder in (first, second):
            write_manifest(folder, "2026-01-01")
    with new_folder("skeletal", 3, "one") as third:
        assert folder_name(third) == "one-3"
        write_manifest(third, "2026-01-01")
    assert list(manifests()) == [f"skeletal/table3/{name}" for name in ("one", "one-2", "one-3")]
    assert list(pd.read_csv(tmp_path / "index.csv")["folder"]) == list(manifests())


def test_the_index_forgets_folders_that_are_gone(tmp_path: Path) -> None:
    for version in "ab":
        with new_folder("skeletal", 3, version) as folder:
            write_manifest(folder, version)
    shutil.rmtree(tmp_path / "skeletal" / "table3" / "a")
    write_index(tmp_path)
    assert list(pd.read_csv(tmp_path / "index.csv")["folder"]) == ["skeletal/table3/b"]


def write_table(folder: Path, lines: dict[tuple[str, str], tuple[float | None, str]]) -> None:
    """A table of our numbers and verdicts by row and metric."""
    rows = [[*key, ours, 0.1, told] for key, (ours, told) in lines.items()]
    pd.DataFrame(rows, columns=["row", "metric", "ours", "spread", "verdict"]).to_csv(folder / "table.csv", index=False)


@pytest.mark.parametrize(
    "wrong", [{"seeds": 5}, {"rows": 7}, {"created": 5}, {"paper": None}, {"table": "3"}, {"commit": 7}, {"length": "1"}]
)
def test_a_manifest_with_a_field_of_another_type_is_named_and_left_out(wrong, tmp_path: Path, capsys) -> None:
    for name, more in (("right", {}), ("wrong", wrong)):
        folder = tmp_path / "skeletal" / "table3" / name
        folder.mkdir(parents=True)
        write_manifest(folder, "2026-01-01")
        file = folder / "manifest.json"
        file.write_text(json.dumps(json.loads(file.read_text()) | more))
    assert list(manifests()) == ["skeletal/table3/right"]
    write_index(tmp_path)
    assert str(tmp_path / "skeletal" / "table3" / "wrong" / "manifest.json") in capsys.readouterr().err


def test_two_folders_are_compared_by_numbers_verdicts_and_provenance(tmp_path: Path) -> None:
    same = {("hrnet", "PCKh"): (40.0, ""), ("cited", "PCKh"): (None, "")}
    for version, ours, told in (("a", 41.0, "undecided"), ("b", 42.5, "undecided"), ("c", 41.0, "confirmed")):
        with new_folder("skeletal", 3, version) as folder:
            write_manifest(folder, "2026-01-01" if version != "c" else "2026-01-02")
            write_table(folder, same | {("own", "PCKh"): (ours, told)})
    a, b, c = (find_folder(name) for name in "abc")
    changed, fields = compare_folders(a, b)
    assert changed[["row", "metric", "ours A", "ours B", "change"]].values.tolist() == [
        ["own", "PCKh", 41.0, 42.5, 1.5]
    ]
    assert fields == {}
    changed, fields = compare_folders(a, c)
    assert changed[["row", "verdict A", "verdict B"]].values.tolist() == [["own", "undecided", "confirmed"]]
    assert fields == {"created": ("2026-01-01", "2026-01-02")}
    changed, fields = compare_folders(a, a)
    assert changed.empty and fields == {}


def test_steps_that_the_paper_argues_for_are_compared_too(tmp_path: Path) -> None:
    header = "row,kind,baseline,metric,ours,spread,verdict\n"
    for version, told in (("a", "undecided"), ("b", "contradicted")):
        with new_folder("cal", 8, version) as folder:
            write_manifest(folder, "2026-01-01", paper="cal", table=8)
            lines = f"udp,rerun,,AP,40.0,,\nudp,rerun,hrnet,AP,40.0,,{told}\n"
            (folder / "table.csv").write_text(header + lines)
    changed, _ = compare_folders(find_folder("a"), find_folder("b"))
    shown = changed[["row", "baseline", "verdict A", "verdict B"]].values.tolist()
    assert shown == [["udp", "hrnet", "undecided", "contradicted"]]


def test_folders_of_different_tables_are_not_compared() -> None:
    for version, number in (("a", 3), ("b", 2)):
        with new_folder("skeletal", number, version) as folder:
            write_manifest(folder, "2026-01-01", table=number)
            write_table(folder, {("own", "PCKh"): (1.0, "")})
    with pytest.raises(ReproError, match="a is of skeletal table 3 and b of skeletal table 2: give two folders of one table"):
        compare_folders(find_folder("a"), find_folder("b"))


def test_a_local_reproduction_does_not_hide_the_committed_one(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(paths, "ROOT", tmp_path)
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    for version, created in (("old", "2026-01-01"), ("new", "2026-01-02")):
        with new_folder("skeletal", 3, version) as folder:
            write_manifest(folder, created)
    assert newest_folder("skeletal", 3).name == "new"
    subprocess.run(["git", "add", "skeletal/table3/old"], cwd=tmp_path, check=True)
    assert newest_folder("skeletal", 3).name == "old"
    subprocess.run(["git", "add", "skeletal/table3/new"], cwd=tmp_path, check=True)
    assert newest_folder("skeletal", 3).name == "new"


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with one committed result folder and this project's .gitignore."""
    for name in list(paths.FOLDERS) + ["REPRO_KEEP"]:
        monkeypatch.delenv(name, raising=False)
    place = tmp_path / "checkout"
    place.mkdir()
    shutil.copy(paths.ROOT / ".gitignore", place)
    monkeypatch.setattr(paths, "ROOT", place)
    monkeypatch.setattr(paths, "RESULTS", place / "results")
    monkeypatch.setenv("REPRO_KEEP", "1")
    with new_folder("skeletal", 3, "committed") as folder:
        write_manifest(folder, "2026-01-01")
    monkeypatch.delenv("REPRO_KEEP")
    who = ("-c", "user.name=a", "-c", "user.email=a@b")
    for words in (["init", "-q"], ["add", "."], [*who, "commit", "-q", "-m", "one"]):
        subprocess.run(["git", *words], cwd=place, check=True)
    return place


def changes(checkout: Path) -> str:
    """What git says has changed in a checkout."""
    return subprocess.run(["git", "status", "--porcelain"], cwd=checkout, capture_output=True, text=True, check=True).stdout


def test_a_new_folder_leaves_git_clean_and_committed_ones_stay_what_is_shown(checkout: Path) -> None:
    with new_folder("skeletal", 3, "mine") as folder:
        write_manifest(folder, "2026-01-02")
    assert changes(checkout) == ""
    assert list(manifests()) == ["skeletal/table3/committed", "local/skeletal/table3/mine"]
    assert list(committed_manifests()) == ["skeletal/table3/committed"]
    assert newest_folder("skeletal", 3).name == "committed"
    mine = checkout / "results" / "local" / "skeletal" / "table3" / "mine"
    assert find_folder("mine") == find_folder("skeletal/table3/mine") == find_folder("local/skeletal/table3/mine") == mine
    assert list(pd.read_csv(checkout / "results" / "local" / "index.csv")["folder"]) == ["skeletal/table3/mine"]


def test_local_folders_are_not_shown_either_where_git_is_not_there(checkout: Path) -> None:
    shutil.rmtree(checkout / ".git")
    with new_folder("skeletal", 3, "mine") as folder:
        write_manifest(folder, "2026-01-02")
    assert list(committed_manifests()) == ["skeletal/table3/committed"]


def test_folders_that_are_kept_lie_beside_the_committed_ones(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REPRO_KEEP", "1")
    with new_folder("skeletal", 3, "kept") as folder:
        write_manifest(folder, "2026-01-02")
    assert changes(checkout).split() == ["M", "results/index.csv", "??", "results/skeletal/table3/kept/"]
    assert list(manifests()) == ["skeletal/table3/committed", "skeletal/table3/kept"]
