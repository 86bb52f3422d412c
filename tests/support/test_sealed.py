"""Files with a checksum and with what they belong to."""

from __future__ import annotations

import json
import math
import os
import pickle
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from repro.errors import ReproError
from repro.support.sealed import (
    Damaged,
    about_bytes,
    about_file,
    check_file,
    read_json,
    read_sealed,
    replacing,
    writable,
    write_sealed,
)

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def as_read(value) -> str:
    """The value as text, so that nan equals nan."""
    return json.dumps(value, sort_keys=True)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.dictionaries(st.text(max_size=5), VALUES, max_size=4), data=st.data())
def test_what_was_written_is_read_and_any_other_byte_is_noticed(content, data, tmp_path):
    content = {f"_{name}": value for name, value in content.items()}  # "seal" and "kind" are taken
    file = tmp_path / "a.json"
    write_sealed(file, "test", content)
    assert as_read(read_sealed(file, "test")) == as_read({"kind": "test", **content})
    whole = file.read_bytes()
    place, bit = data.draw(st.integers(0, len(whole) - 1)), data.draw(st.integers(0, 7))
    file.write_bytes(whole[:place] + bytes([whole[place] ^ 1 << bit]) + whole[place + 1 :])
    try:
        found = read_sealed(file, "test")
    except Damaged as damaged:
        assert damaged.file == file and f"delete {file} and start again" in str(damaged)
    else:  # the byte was one of layout, or of a number's last digit that no float has
        assert as_read(found) == as_read({"kind": "test", **content})


def test_the_order_of_fields_and_the_layout_do_not_count(tmp_path):
    file = tmp_path / "a.json"
    write_sealed(file, "test", {"a": 1, "b": [1.5, math.nan]})
    content = json.loads(file.read_text())
    file.write_text(json.dumps(dict(reversed(content.items()))))
    assert read_sealed(file, "test")["a"] == 1


def rewrite(file: Path, **fields) -> None:
    content = json.loads(file.read_text())
    file.write_text(json.dumps({name: value for name, value in (content | fields).items() if value is not None}))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda f: f.unlink(), "is not there"),
        (lambda f: f.write_text('{"a": 1'), "is cut or holds no JSON"),
        (lambda f: f.write_bytes(b"\xff\xfe"), "is cut or holds no JSON"),
        (lambda f: f.write_text("[1]"), "holds something else than it should"),
        (lambda f: rewrite(f, seal=None), "lacks its checksum"),
        (lambda f: rewrite(f, a=2), "does not fit its checksum"),
        (lambda f: write_sealed(f, "other", {"a": 1, "of": "me"}), "has kind 'other', expected 'test'"),
        (lambda f: write_sealed(f, "test", {"a": 1, "of": "you"}), "has of 'you', expected 'me'"),
        (lambda f: (f.unlink(), f.mkdir()), "cannot be read"),
    ],
)
def test_what_does_not_fit_says_why(spoil, message, tmp_path):
    file = tmp_path / "a.json"
    write_sealed(file, "test", {"a": 1, "of": "me"})
    assert read_sealed(file, "test", of="me")["a"] == 1
    spoil(file)
    with pytest.raises(Damaged, match=f"a.json {message}.*: delete .*a.json and start again"):
        read_sealed(file, "test", of="me")


def test_files_of_before_there_were_seals_have_exactly_the_fields_of_then(tmp_path):
    file = tmp_path / "a.json"
    file.write_text('{"a": 1, "b": 2}')
    assert read_sealed(file, "test", before=("a", "b"), of="me") == {"a": 1, "b": 2}
    for before in (None, ("a",), ("a", "b", "c")):
        with pytest.raises(Damaged, match="lacks its checksum"):
            read_sealed(file, "test", before=before)


def test_a_file_is_compared_with_its_length_and_its_content(tmp_path):
    file = tmp_path / "a.bin"
    file.write_bytes(b"abcd")
    about = about_file(file)
    assert (
        about == about_bytes(b"abcd") == {"bytes": 4, "sum": "88d4266fd4e6338d13b845fcf289579d"}
    )  # sha256sum's first half
    check_file(file, about)
    for content, message in ((b"abc", "has 3 bytes, expected 4"), (b"abcx", "does not fit its checksum")):
        file.unlink()
        file.write_bytes(content)
        with pytest.raises(Damaged, match=message):
            check_file(file, about)
    check_file(file, about, deep=False)
    with pytest.raises(Damaged, match=f"b.bin is not there: delete {tmp_path} and"):
        check_file(tmp_path / "b.bin", about, delete=tmp_path)


def test_what_is_damaged_travels_between_processes():
    damaged = Damaged(Path("a"), "is cut", Path("b"), "restore it")
    again = pickle.loads(pickle.dumps(damaged))
    assert str(again) == str(damaged) == "a is cut: restore it." and vars(again) == vars(damaged)


def test_a_file_takes_the_place_of_another_when_it_is_whole(tmp_path):
    file = tmp_path / "a"
    file.write_text("old")
    with pytest.raises(KeyboardInterrupt), replacing(file) as temporary:
        temporary.write_text("ne")
        raise KeyboardInterrupt
    assert file.read_text() == "old" and os.listdir(tmp_path) == ["a"]
    with replacing(file) as temporary:
        temporary.write_text("new")
    assert file.read_text() == "new" and os.listdir(tmp_path) == ["a"]


@pytest.mark.parametrize("code", [28, 30, 13])  # no space, read-only, no permission
def test_a_place_that_cannot_be_written_is_a_sentence(code):
    with (
        pytest.raises(
            ReproError, match=r"^here cannot be written \(.*\): free disk space, or let REPRO_X name .*; all is kept\.$"
        ),
        writable(Path("here"), "REPRO_X", "all is kept"),
    ):
        raise OSError(code, os.strerror(code))
    with pytest.raises(FileNotFoundError), writable(Path("here"), "REPRO_X"):
        Path("/does/not/exist").read_bytes()


def test_json_that_is_nested_too_deep_is_damaged(tmp_path):
    (tmp_path / "a.json").write_text("[" * 100_000)
    with pytest.raises(Damaged, match="holds no JSON"):
        read_json(tmp_path / "a.json")
