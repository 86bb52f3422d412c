"""How long a table of a check is, and which tables there are."""

from __future__ import annotations

import pytest

from repro.errors import ReproError
from repro.gpu_check.made import (
    Order,
    factor_for,
    fitting_length,
    parse_tables,
    request_of,
    rest_of_tables,
    short_scale,
)


def test_the_length_fills_what_evaluation_leaves():
    # 60 s at half the estimated seconds hold 120 estimated ones: 20 of evaluation, 100 of training
    assert fitting_length(60.0, 60.0, 0.5, training=400.0, evaluation=20.0) == 0.25
    assert fitting_length(60.0, 60.0, 0.5, training=401.0, evaluation=20.0) == 0.125
    assert fitting_length(60.0, 60.0, 0.5, training=50.0, evaluation=20.0) == 2.0
    assert fitting_length(60.0, 60.0, 0.5, training=0.0, evaluation=0.0) == 1.0


def test_the_shortest_length_may_take_what_is_left_of_all():
    # an eighth of 400 and 20 of evaluation are 70 estimated seconds, 35 of the device
    assert fitting_length(10.0, 35.0, 0.5, training=400.0, evaluation=20.0) == 0.125
    assert fitting_length(10.0, 34.0, 0.5, training=400.0, evaluation=20.0) == 0.0


def test_the_factor_is_that_of_as_many_trainings_side_by_side():
    factors = {"1": 0.4, "2": 0.3, "4": 0.2}  # as they come through JSON
    assert [factor_for(factors, count) for count in (1, 2, 3, 4, 7)] == [0.4, 0.3, 0.3, 0.2, 0.2]
    assert factor_for({"2": 0.3}, 1) == 0.3


def test_lists_of_tables():
    assert parse_tables("hgr4, cal8:w32") == [("hgr", 4, ""), ("cal", 8, "w32")]
    with pytest.raises(ReproError, match="'hgr' names no table"):
        parse_tables("hgr")
    with pytest.raises(ReproError, match="4"):
        parse_tables("sahg5")


def test_the_rest_has_every_table_once():
    known = parse_tables("hgr4,cal8:w32")
    both = [(paper, number) for paper, number, _ in known + rest_of_tables(known)]
    assert len(both) == len(set(both)) == 24


def test_a_check_draws_few_people_and_chooses_rows():
    order = Order(what="table", scale="gpu", persons=100, scenes=50, paper="cal", table=8, only="w32")
    scale = short_scale(order)
    assert (scale.drawn_train, scale.drawn_val, scale.scenes.train, scale.scenes.val) == (100, 32, 50, 8)
    request = request_of(order, 0.5)
    assert request.rows and all("w32" in row for row in request.rows)
    assert request.scale == scale.of_length(0.5)
    with pytest.raises(ReproError, match="No row of table 4 of hgr has 'w32' in its name"):
        request_of(Order(what="table", scale="gpu", persons=9, scenes=9, paper="hgr", table=4, only="w32"), 1.0)
