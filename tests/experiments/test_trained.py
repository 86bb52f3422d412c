"""What experiments ask of runs that others made."""

from __future__ import annotations

import pytest

from repro.errors import ReproError
from repro.experiments.displacements import ROWS
from repro.experiments.trained import check_trained, trained_recipes


def test_missing_runs_are_named_with_the_command_that_makes_them(places, unbiased_recipe) -> None:
    recipes = dict.fromkeys(((row, 2) for row in ROWS.values()), unbiased_recipe)
    command = (
        r"4 of 4 runs are not trained.*ROW=udp-w32-64x48,cal-w32-64x48,udp-w32-128x96,cal-w32-128x96 SEEDS=2` first"
    )
    with pytest.raises(ReproError, match=command):
        check_trained("cal", 8, recipes)
    both = {("dark-w32-64x48", seed): unbiased_recipe for seed in (0, 1)}
    with pytest.raises(ReproError, match=r"table 3 of hgr .*PAPER=hgr TABLE=3 ROW=dark-w32-64x48 SEEDS=0,1` first"):
        check_trained("hgr", 3, both)


def test_recipes_are_those_of_the_rows_and_seeds_asked_for(tiny_samples, tiny_table) -> None:
    samples, recipes = trained_recipes("cal", 8, ["a", "b"], (0, 2))
    assert samples is tiny_samples and set(recipes) == {("a", 0), ("a", 2), ("b", 0), ("b", 2)}
