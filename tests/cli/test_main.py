"""The command line: every mistake of a user ends in one sentence that says what is valid, never in a traceback."""

from __future__ import annotations

import errno
import json
import os
import signal
from pathlib import Path
from unittest import mock

import pytest
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st

from repro.cli.experiments import COMMANDS
from repro.cli.main import main
from repro.errors import ReproError

REPRODUCE = ("reproduce", "--table", "3", "--paper", "skeletal", "--scale", "smoke")
DETECTED = ("reproduce", "--table", "1", "--paper", "cal", "--scale", "smoke")


def run(*arguments: str) -> Result:
    """Run the command line in this process."""
    return CliRunner().invoke(main, arguments)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("reproduce", "--table", ""), "TABLE is missing: name one as in TABLE=2"),
        (("reproduce", "--table", "\u00b2"), "TABLE is '\u00b2', expected a whole number of at least 1."),
        (("reproduce", "--table", "99"), "Unknown TABLE 99: choose one of 1, 2, 3, 4, 5, 6, 7, 8, 9."),
        (("reproduce", "--table", "2", "--paper", "nobody"), "choose one of skeletal, cal, hgr, sahg, fowkal, the import name"),
        (("reproduce", "--table", "7", "--paper", "skeletal"), "skeletal has no table 7: choose 1, 2 or 3."),
        (("reproduce", "--table", "2", "--paper", "cal", "--row", "spsr"), "Unknown row of table 2 of cal 'spsr'"),
        ((*REPRODUCE, "--row", "nothing"), "skeletal 'nothing': choose one of hrnet, attention, attention-weighted, "),
        (("reproduce", "--table", "3", "--scale", "huge"), "choose one of smoke, laptop, gpu, paper."),
        ((*REPRODUCE, "--length", "1/2", "--minutes", "5"), "MINUTES is '5' and LENGTH is '1/2'"),
        ((*REPRODUCE, "--minutes", "soon"), "MINUTES is 'soon', expected a number above 0 as in 60 or 7.5."),
        ((*REPRODUCE, "--plan=yes"), "PLAN is 'yes', expected 1, or nothing."),
        ((*REPRODUCE, "--length", "0.3"), "LENGTH is '0.3', expected one of 1/8, 1/4, 1/2, 1, 2, 4, 8."),
        ((*REPRODUCE, "--data", "imagenet"), "Unknown data set 'imagenet': choose one of people, coco, mpii, lspet"),
        ((*REPRODUCE, "--device", "abacus"), "choose auto, cpu, cuda or cuda:<number>."),
        ((*REPRODUCE, "--seeds", "one"), "expected numbers as in 0 or 0,1,2 or 0-2."),
        ((*REPRODUCE, "--seeds", "1,1"), "none twice"),
        ((*REPRODUCE, "--jobs", "-1"), "JOBS is '-1', expected a whole number of at least 0."),
        ((*REPRODUCE, "--start", "nowhere.pth"), "choose one of warm, random, a path to a checkpoint"),
        ((*REPRODUCE, "--data", "lspet"), "no folder was given: expected joints.mat"),
        ((*REPRODUCE, "--data", "lspet", "--data-root", "/nowhere"), "/nowhere"),
        ((*REPRODUCE, "--data", "coco", "--data-root", "/"), "has no head sizes: choose one of people, mpii, lspet."),
        (
            (*REPRODUCE, "--boxes", "b.json"),
            "BOXES is b.json, which has no effect on table 3 of skeletal: its rows are",
        ),
        ((*DETECTED, "--boxes", "b.json"), "BOXES is b.json, but a detector's boxes are simulated on drawn people:"),
        (
            (*DETECTED, "--data", "coco", "--scale", "paper"),
            "no file of them was given: name one in COCO's result format",
        ),
        (
            (*DETECTED, "--data", "coco", "--data-root", "/", "--boxes", "/no.json"),
            "/no.json cannot be read (No such file",
        ),
        (("data", "check", "imagenet"), "choose one of people, coco, mpii, lspet, coco-wholebody, crowdpose, coco-format."),
        (("data", "preview", "a.png", "--kind", "cats"), "choose one of persons, scenes."),
        (("results", "diff", "a", "b"), "There is no result folder 'a'"),
        (("transfer", "--data", "coco", "--data-root", "/"), "data is 'coco', whose joints are not those of Leeds"),
        (("transfer", "--data", "people", "--data-root", "/"), "choose one of lspet."),
        ((*REPRODUCE, "--seeds", "0,,1"), "expected numbers as in 0 or 0,1,2 or 0-2."),
        (("data", "preview", ""), "PATH is empty, expected a path."),
        (("data", "export", ""), "FOLDER is empty, expected a path."),
        (("warm-start", "--width", "33"), "width is '33', expected a multiple of 16 as in 32 or 48"),
        (("warm-start", "--width", "1000000"), "width is '1000000', expected a whole number of at most 256."),
    ],
)
def test_a_mistake_is_answered_in_one_sentence(
    arguments: tuple[str, ...], expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("RUNS", "RESULTS", "CACHE"):
        monkeypatch.setenv(f"REPRO_{name}", str(tmp_path / name.lower()))
    result = run(*arguments)
    assert result.exit_code != 0
    assert isinstance(result.exception, SystemExit), f"a traceback: {result.exception!r}"
    assert expected in " ".join(result.output.split())
    assert not list(tmp_path.rglob("*.safetensors"))


def test_statistics_that_are_none_are_named_and_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REPRO_RESULTS", str(tmp_path))
    monkeypatch.setattr("repro.data.catalogue.load_persons", lambda *_, **__: [])
    monkeypatch.setattr("repro.data.statistics.person_statistics", lambda _: {})
    file = tmp_path / "people" / "statistics.json"
    file.parent.mkdir()
    file.write_text("[1]")
    result = run("data", "statistics", "people")
    assert result.exit_code == 2 and f"{file} holds no statistics by name" in " ".join(result.output.split())
    assert file.read_text() == "[1]"


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"WORLD_SIZE": "2"}, "WORLD_SIZE is 2 and RANK is not set"),
        ({"WORLD_SIZE": "2", "RANK": "0"}, "MASTER_ADDR is not set"),
        ({"RANK": "1"}, "RANK is 1 and WORLD_SIZE is 1, expected a RANK below WORLD_SIZE"),
        ({"WORLD_SIZE": "2", "RANK": "2"}, "RANK is 2 and WORLD_SIZE is 2"),
        ({"WORLD_SIZE": "0", "RANK": "0"}, "RANK is 0 and WORLD_SIZE is 0"),
        ({"WORLD_SIZE": "2", "RANK": "1", "MASTER_ADDR": "a", "MASTER_PORT": "x"}, "MASTER_PORT is 'x'"),
        ({"WORLD_SIZE": "2", "RANK": "1", "MASTER_ADDR": "a", "MASTER_PORT": "70000"}, "MASTER_PORT is '70000'"),
        ({"WORLD_SIZE": "2", "RANK": "1", "LOCAL_RANK": "-1"}, "LOCAL_RANK is '-1'"),
    ],
)
def test_processes_that_could_not_meet_are_refused(
    variables: dict[str, str], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    result = run(*REPRODUCE, "--plan")
    assert result.exit_code == 2 and expected in " ".join(result.output.split())


def test_list_shows_every_row_with_its_state() -> None:
    lines = run("list").output.splitlines()
    assert "    hrnet [rerun, recipe]" in lines
    assert sum(line.startswith("  table ") for line in lines) == 24
    assert not any("not yet reproducible" in line for line in lines)
    assert "    rmpe-320x256 [cited, cited]" in lines
    assert "    hrnet-quarter-w32-64x48 [extra, recipe]" in lines


def test_a_table_number_alone_takes_every_paper_that_has_it() -> None:
    from repro.cli.reproduce import papers_with

    assert papers_with("", 2) == ["skeletal", "cal", "hgr", "sahg", "fowkal"]
    assert papers_with("", 9) == ["cal"]


def test_results_are_listed_and_compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REPRO_RESULTS", str(tmp_path))
    for version, ours in (("one", 10.0), ("two", 12.5)):
        folder = tmp_path / "skeletal" / "table3" / version
        folder.mkdir(parents=True)
        manifest = {"paper": "skeletal", "table": 3, "seeds": [0], "rows": {"hrnet": ""}, "minutes": 1, "dirty": False}
        manifest["training_minutes"] = 7.5
        (folder / "manifest.json").write_text(json.dumps({**manifest, "commit": version * 3, "created": version}))
        header = "row,metric,ours,spread,verdict\n"
        (folder / "table.csv").write_text(f"{header}hrnet,PCKh@0.5,{ours},0.1,\nhrnet,PCKh@0.1,3.0,0.1,\n")
    listed = run("results", "list").output
    listed = run("results", "list").output
    assert "skeletal/table3/two  seeds [0]  1 rows  trained in 7.5 min, command 1 min" in listed
    text = run("results", "diff", "one", "two").output
    assert "2.5" in text
    assert "PCKh@0.1" not in text
    assert "oneoneone" in text


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES, errno.ENAMETOOLONG, errno.EMFILE])
def test_what_the_system_refuses_is_one_sentence_too(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object) -> None:
        raise OSError(number, os.strerror(number), "/some/file")

    monkeypatch.setattr("repro.reporting.folders.manifests", refuse)
    result = run("results", "list")
    assert result.exit_code == 2 and f"/some/file cannot be read or written ({os.strerror(number)})" in result.output


def test_other_errors_keep_their_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: object) -> None:
        raise FileNotFoundError(errno.ENOENT, "No such file or directory", "/some/file")

    monkeypatch.setattr("repro.reporting.folders.manifests", fail)
    assert isinstance(run("results", "list").exception, FileNotFoundError)


@pytest.mark.parametrize("command", [*(one.name for one in COMMANDS), "warm-start", "enlarger"])
def test_what_cannot_be_written_at_the_end_is_said_at_the_beginning(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: object, **named: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr("repro.paths.tempfile.TemporaryFile", refuse)
    for name in ("RUNS", "RESULTS", "CACHE"):
        monkeypatch.setenv(f"REPRO_{name}", str(tmp_path / name.lower()))
    needed = ("--data-root", str(tmp_path)) if "--data-root" in run(command, "--help").output else ()
    result = run(command, *needed)
    assert result.exit_code == 2 and "Folders cannot be written" in result.output and "REPRO_RUNS" in result.output


ODD = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12) | st.sampled_from(
    ["-1", "1e9", str(2**31), str(2**64), "nan", "None", "[]", "0-", "a/b", "~", "..", "--", "é"]
)
OPTIONS = (
    *("table", "paper", "row", "scale", "data", "seeds", "start", "starts", "weights"),
    *("device", "threads", "jobs", "workers"),
)


@settings(max_examples=60, deadline=None)
@given(option=st.sampled_from(OPTIONS), value=ODD)
def test_any_value_of_an_argument_is_taken_or_answered_in_one_sentence(option: str, value: str) -> None:
    """Nothing is planned: what is taken ends where planning would begin."""
    with (
        mock.patch("repro.tables.reproduce.plan_tables", side_effect=ReproError("planned")),
        mock.patch("repro.tables.last_step.try_kernel"),
    ):
        result = run(*REPRODUCE, f"--{option}={value}")
    assert result.exit_code == 2 and isinstance(result.exception, SystemExit), result.exception
    assert "Error: " in result.output


def test_ctrl_c_says_what_is_kept_and_how_to_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("repro.reporting.folders.manifests", stop)
    result = run("results", "list")
    assert result.exit_code == 130
    assert "Complete runs are kept" in result.output and "give the same command again" in result.output


def test_sigterm_ends_a_reproduction_as_ctrl_c_does(monkeypatch: pytest.MonkeyPatch) -> None:
    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr("repro.tables.reproduce.plan_tables", lambda *_: os.kill(os.getpid(), signal.SIGTERM))
    monkeypatch.setattr("repro.tables.last_step.try_kernel", lambda: None)
    try:
        result = run(*REPRODUCE)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert result.exit_code == 143 and "goes on from its last epoch" in result.output


def test_a_sheet_of_drawn_people_is_no_large_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("REPRO_CACHE", str(tmp_path / "cache"))
    assert run("data", "preview", "--count", "4").exit_code == 0
    assert 1000 < (tmp_path / "people.jpg").stat().st_size < 100_000
