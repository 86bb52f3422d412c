"""The folders that variables name: absolute at once, and refused in a sentence when they are none."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from repro import paths
from repro.errors import ReproError

READERS = {"REPRO_RUNS": paths.runs, "REPRO_RESULTS": paths.results, "REPRO_CACHE": paths.cache}
each = pytest.mark.parametrize("variable", READERS)


@each
def test_without_its_variable_a_folder_lies_in_the_checkout(variable, monkeypatch):
    monkeypatch.delenv(variable, raising=False)
    assert READERS[variable]() == paths.folders()[variable] == paths.ROOT / paths.FOLDERS[variable]


@each
def test_home_and_working_directory_are_put_in(variable, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    for given, expected in {"~/a": "a", "~": "", "b": "b", "./b/../c": "b/../c", "é ü": "é ü", "-x": "-x"}.items():
        monkeypatch.setenv(variable, given)
        assert READERS[variable]() == tmp_path / expected


@each
@pytest.mark.parametrize(
    "given", ["", "  ", "file", "file/below", "file/far/below", "~nobody-of-this-name/x", "x" * 300]
)
def test_what_is_no_folder_is_refused_by_the_variables_name(variable, given, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(variable, given)
    with pytest.raises(ReproError, match=f"^{variable} is "):
        READERS[variable]()


def test_a_folder_is_made_when_it_is_tried(tmp_path, monkeypatch):
    monkeypatch.setenv("REPRO_RUNS", str(tmp_path / "a" / "b"))
    paths.check_writable("REPRO_RUNS")
    assert list((tmp_path / "a" / "b").iterdir()) == []


@each
def test_a_folder_that_cannot_be_written_is_named_with_the_reason(variable, tmp_path, monkeypatch):
    monkeypatch.setenv(variable, str(tmp_path))

    def refuse(*arguments, **named):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(paths.tempfile, "TemporaryFile", refuse)
    with pytest.raises(
        ReproError,
        match=f"Folders cannot be written: .*{tmp_path} .Read-only file system.*name other ones in .*{variable}",
    ):
        paths.check_writable(variable)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_of_somebody_else_cannot_be_written(tmp_path, monkeypatch):
    tmp_path.chmod(0o500)
    monkeypatch.setenv("REPRO_RESULTS", str(tmp_path / "results"))
    with pytest.raises(ReproError, match="cannot be written: .*Permission denied"):
        paths.check_writable("REPRO_RESULTS")


def test_too_little_room_is_said_before_it_is_needed(tmp_path, monkeypatch):
    monkeypatch.setenv("REPRO_RESULTS", str(tmp_path))
    paths.check_writable("REPRO_RESULTS", room=1)
    with pytest.raises(ReproError, match="too little space left on its device .* at least 1000000000000000 MB"):
        paths.check_writable("REPRO_RESULTS", room=10**21)


def test_a_home_that_is_not_there_is_a_sentence(monkeypatch):
    assert paths.user_path("START", Path("a")) == Path("a")
    with pytest.raises(ReproError, match="START is '~nobody-of-this-name/a.pth'"):
        paths.user_path("START", "~nobody-of-this-name/a.pth")


def test_new_results_go_where_git_ignores_them_unless_they_are_kept(monkeypatch, tmp_path):
    for name in ("REPRO_RESULTS", "REPRO_KEEP"):
        monkeypatch.delenv(name, raising=False)
    assert paths.new_results() == paths.RESULTS / "local" and paths.is_local(paths.new_results() / "cal")
    monkeypatch.setenv("REPRO_RESULTS", str(paths.RESULTS))  # as processes of a cluster and kernels are told
    assert paths.new_results() == paths.RESULTS / "local"
    monkeypatch.setenv("REPRO_KEEP", "1")
    assert paths.new_results() == paths.RESULTS and not paths.is_local(paths.RESULTS / "cal")
    monkeypatch.setenv("REPRO_KEEP", "0")
    monkeypatch.setenv("REPRO_RESULTS", str(tmp_path))
    assert paths.new_results() == tmp_path and paths.result_places() == (tmp_path,)


def test_another_word_for_keeping_is_refused(monkeypatch):
    monkeypatch.setenv("REPRO_KEEP", "yes")
    with pytest.raises(ReproError, match="REPRO_KEEP .KEEP of make. is 'yes', expected 1"):
        paths.new_results()


def test_an_installed_package_works_in_the_working_directory(monkeypatch, tmp_path):
    for name in (*READERS, "REPRO_KEEP"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(paths, "CHECKOUT", False)
    monkeypatch.setattr(paths, "RESULTS", tmp_path / "site-packages" / "repro" / "results")
    monkeypatch.chdir(tmp_path)
    assert set(paths.folders().values()) == {tmp_path / name for name in ("runs", "results", "cache")}
    assert paths.new_results() == tmp_path / "results" and not paths.is_local(tmp_path / "results")
