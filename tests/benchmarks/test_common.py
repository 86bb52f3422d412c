from __future__ import annotations

import importlib.util
import time
from types import ModuleType

import pytest

from repro import paths


def script(name: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A benchmark as a module; it finds its neighbours as when it is run."""
    monkeypatch.syspath_prepend(str(paths.ROOT / "benchmarks"))
    spec = importlib.util.spec_from_file_location(f"benchmark_{name}", paths.ROOT / "benchmarks" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_median_of_calls_that_take_turns_leaves_out_the_first_round(monkeypatch):
    """A clock of our own: the first call of each takes 9 s, the others 1 s and 2 s."""
    common, now, order = script("common", monkeypatch), [0.0], []

    def call(name: str, seconds: float) -> None:
        now[0] += seconds if name in order else 9.0
        order.append(name)

    calls = {"a": lambda: call("a", 1.0), "b": lambda: call("b", 2.0)}
    assert common.milliseconds(calls, 0, least=3, clock=lambda: now[0]) == {"a": 1000, "b": 2000}
    assert order == ["a", "b"] * 4


def test_a_table_takes_the_place_of_the_one_between_the_marks(tmp_path, monkeypatch):
    common, file = script("common", monkeypatch), tmp_path / "README.md"
    marks = ("<!-- shares -->", "<!-- end of shares -->")
    file.write_text(f"before\n{marks[0]}\nold\n{marks[1]}\nafter\n")
    common.write_between(file, marks, common.pd.DataFrame({"x": [1]}))
    text = file.read_text()
    assert text.startswith("before\n") and text.endswith("after\n") and "old" not in text
    assert "|   x |" in text


def test_parts_within_parts_count_for_themselves_alone(monkeypatch):
    """2 s around 3 s around 1 s, and an iterator of two items whose making takes 1 s each."""
    profile, now = script("profile_steps", monkeypatch), [0.0]
    monkeypatch.setattr(time, "process_time", lambda: now[0])

    def spend(seconds: float) -> None:
        now[0] += seconds

    def items():
        for item in ("x", "y"):
            spend(1)
            yield item

    watch = profile.Stopwatch()
    with watch.part("outer"):
        spend(2)
        with watch.part("middle"):
            spend(3)
            watch.timed("inner", spend)(1)
        assert list(watch.timed_items("items", items)()) == ["x", "y"]
    assert watch.seconds == {"outer": 2, "middle": 3, "inner": 1, "items": 2}
    assert watch.shares() == {"outer": 25, "middle": 37.5, "inner": 12.5, "items": 25}
