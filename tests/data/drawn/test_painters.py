"""Several processes draw what one draws, in its order, and their failures are told."""

from __future__ import annotations

from functools import partial

import pytest

from repro.data.drawn import painters as module
from repro.data.drawn.crops import draw_crop
from repro.data.drawn.load import load_people
from repro.data.drawn.painters import draw_pictures, painters_for
from repro.data.drawn.settings import PeopleSettings
from repro.errors import ReproError

draw = partial(draw_crop, PeopleSettings(), "val", size=(24, 32))


def test_few_pictures_are_drawn_by_the_calling_process(monkeypatch):
    monkeypatch.setattr(module.os, "sched_getaffinity", lambda _: set(range(6)), raising=False)
    assert painters_for(999) == 1
    assert painters_for(1000) == 6


def test_three_painters_give_the_bytes_of_one():
    alone, shared = (list(draw_pictures(draw, 7, painters)) for painters in (1, 3))
    assert [picture.jpeg for picture in shared] == [picture.jpeg for picture in alone]
    assert [picture.parts for picture in shared] == [picture.parts for picture in alone]
    assert [p.labels.points.tolist() for p in shared] == [p.labels.points.tolist() for p in alone]
    assert len({picture.jpeg for picture in alone}) == 7


def test_a_set_drawn_by_painters_is_that_of_one_process(tmp_path, monkeypatch):
    kept = []
    for number, least in enumerate((1000, 1)):
        monkeypatch.setenv("REPRO_CACHE", str(tmp_path / str(number)))
        monkeypatch.setattr(module, "PARALLEL_FROM", least)
        persons = load_people("val", limit=5, size=(24, 32))
        kept.append([(file.name, file.read_bytes()) for file in sorted(persons.images.folder.glob("*.bin"))])
    assert kept[0] == kept[1]


def test_a_painter_that_fails_is_told(capfd):
    with pytest.raises(ReproError, match="A process that drew people ended early, with exit code 1"):
        list(draw_pictures(partial(draw_crop, PeopleSettings(), "nowhere", size=(24, 32)), 4, painters=2))
    assert "nowhere" in capfd.readouterr().err
