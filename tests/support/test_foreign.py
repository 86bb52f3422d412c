"""What the code of other packages raises is one sentence; that of this package is left alone."""

from __future__ import annotations

import re

import pytest

from repro.decoders.dark import Dark
from repro.errors import ReproError
from repro.support.foreign import code_of, is_foreign, kind_of, title


class Theirs:
    def fail(self, error):
        raise error


def test_parts_of_this_package_are_told_from_others():
    assert is_foreign(Theirs()) and is_foreign(Theirs) and not is_foreign(Dark()) and not is_foreign(Dark)
    assert title(Theirs) == f"Theirs of {__name__}" and title(Dark()) == "Dark"
    assert kind_of([1]) == "list"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ValueError("too small\nmore"), "ValueError (too small; test_foreign.py, line 16)"),
        (SystemExit(), "SystemExit (test_foreign.py, line 16)"),
        (ZeroDivisionError("x" * 300), f"ZeroDivisionError ({'x' * 160}; test_foreign.py, line 16)"),
    ],
)
def test_an_error_is_told_with_its_line(error, said):
    with pytest.raises(ReproError) as caught, code_of(Theirs(), "when it is built", "do not"):
        Theirs().fail(error)
    assert str(caught.value) == f"Theirs of {__name__} ends with {said} when it is built: do not."
    assert caught.value.__cause__ is error


class OutOfMemoryError(RuntimeError):
    pass


@pytest.mark.parametrize("error", [ReproError("One sentence."), KeyboardInterrupt(), OutOfMemoryError()])
def test_some_errors_pass(error):
    with pytest.raises(type(error)) as caught, code_of(Theirs(), "when it is built"):
        raise error
    assert caught.value is error


def test_errors_of_this_package_keep_their_traceback():
    with pytest.raises(ZeroDivisionError, match=re.escape("mine")), code_of(Dark(), "when it decodes"):
        raise ZeroDivisionError("mine")
