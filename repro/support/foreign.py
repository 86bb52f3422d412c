"""Code of other packages: what it raises is told in one sentence, with the class and the line that it comes from.

Parts of this package are not caught: what they raise beside a ReproError is a mistake here, and its traceback says where.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from repro.errors import ReproError

PASSED_ON = ("OutOfMemoryError", "AcceleratorError")  # of a device, by no fault of the code


def is_foreign(part: object) -> bool:
    """Whether a part, or a class, belongs to another package."""
    return _class_of(part).__module__.partition(".")[0] != "repro"


def title(part: object) -> str:
    """The name of a part's class, with its module where that is another package's."""
    kind = _class_of(part)
    return f"{kind.__name__} of {kind.__module__}" if is_foreign(kind) else kind.__name__


def kind_of(found: object) -> str:
    """What something is, in a word or two: ``a tensor (2, 17)``, ``a list``."""
    shape = getattr(found, "shape", None)
    if shape is not None and hasattr(found, "requires_grad"):
        return f"a tensor {tuple(shape)}"
    return type(found).__name__


@contextmanager
def code_of(part: object, when: str, advice: str = "mend it") -> Iterator[None]:
    """Raise what the code of another package's part raises in this block as a ReproError.

    Args:
        part: the part, or its class; those of this package are left alone.
        when: what it does here, as in "when it is built".
        advice: what to do.
    """
    try:
        yield
    except ReproError:
        raise
    except (Exception, SystemExit) as error:
        if not is_foreign(part) or type(error).__name__ in PASSED_ON:
            raise
        raise ReproError(f"{title(part)} ends with {told(error, part)} {when}: {advice}.") from error


def told(error: BaseException, part: object) -> str:
    """An error in a few words: its kind, the first line of its text, and the last line of the part's module that led to it."""
    text = str(error).strip().splitlines()
    said = [text[0][:160]] if text else []
    module = sys.modules.get(_class_of(part).__module__)
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if module is not None and frame.filename == getattr(module, "__file__", None)]
    if own:
        said.append(f"{Path(own[-1].filename).name}, line {own[-1].lineno}")
    return f"{type(error).__name__} ({'; '.join(said)})" if said else type(error).__name__


def _class_of(part: object) -> type:
    return part if isinstance(part, type) else type(part)
