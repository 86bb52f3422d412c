"""An outcome whose recipes are those of today, for the tests of tables."""

from __future__ import annotations

from repro.recipe import Data
from repro.reporting.outcome import Outcome, RunOutcome
from repro.scales.scale import SCALES
from repro.tables.plan import table_recipes

DATA = Data(name="lspet", train_fingerprint="0" * 16, train_count=64, val_fingerprint="1" * 16, val_count=32)


def todays_outcome() -> Outcome:
    """Table 3 at smoke scale with the recipes of today."""
    recipes = table_recipes("skeletal", 3, SCALES["smoke"], DATA, (0, 1), start="random")
    runs = tuple(
        RunOutcome(
            row=row,
            seed=seed,
            recipe=recipe.to_plain(),
            key=recipe.key,
            training_key=recipe.training_key,
            metrics={"pckh@0.5": 0.5, "pckh@0.1": 0.1},
            curve=[],
            seconds=1.0,
        )
        for (row, seed), recipe in recipes.items()
    )
    return Outcome("skeletal", 3, "smoke", "lspet", 8, runs, start="random")
