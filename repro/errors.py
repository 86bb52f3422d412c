"""The one exception for mistakes that a user can mend."""

from __future__ import annotations

from collections.abc import Iterable


class ReproError(ValueError):
    """A mistake in what the user gave: a value, a file, a data set.

    The message is one full sentence: what was wrong, its value, what was expected, what to do. The command line prints
    it without a traceback.
    """


def choice_error(what: str, value: object, valid: Iterable[object]) -> ReproError:
    """The error for a value that is not one of the ``valid`` ones, which it lists."""
    return ReproError(f"Unknown {what} {value!r}: choose one of {', '.join(str(v) for v in valid)}.")
