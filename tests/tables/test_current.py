"""A result folder of an earlier rule of its scale, or of its rows, says what has changed since."""

from __future__ import annotations

from dataclasses import replace

import pytest

from repro.errors import ReproError
from repro.recipe import Initialisation, Recipe
from repro.reporting.outcome import Outcome, RunOutcome
from repro.scales.scale import SCALES
from repro.tables.current import check_readable, earlier_rule
from repro.tables.plan import table_recipes
from repro.training.warm_start import WEIGHT_SIZE

from .todays import DATA, todays_outcome


@pytest.fixture
def outcome() -> Outcome:
    """Table 3 at smoke scale with the recipes of today."""
    return todays_outcome()


def with_recipe(outcome: Outcome, position: int, recipe: Recipe) -> Outcome:
    """The outcome with one run made by another recipe."""
    runs = list(outcome.runs)
    runs[position] = replace(runs[position], recipe=recipe.to_plain(), key=recipe.key)
    return replace(outcome, runs=tuple(runs))


def test_a_table_whose_recipes_are_todays_is_of_no_earlier_rule(outcome):
    assert earlier_rule(outcome) == ""
    assert earlier_rule(replace(outcome, runs=outcome.runs[:1])) == ""  # one row, one seed
    assert earlier_rule(replace(outcome, runs=())) == ""
    check_readable(outcome)


def test_what_has_changed_is_named_with_the_command(outcome):
    recipe = Recipe.from_plain(outcome.runs[3].recipe)
    epochs = recipe.optimisation.epochs
    before = recipe.but(optimisation=replace(recipe.optimisation, epochs=epochs + 3))
    assert earlier_rule(with_recipe(outcome, 3, before)) == (
        f"Made by an earlier rule of the scale smoke: since then optimisation.epochs {epochs + 3} → {epochs}. "
        "`make reproduce PAPER=skeletal TABLE=3 SCALE=smoke DATA=lspet DATA_ROOT=/path/to/lspet SEEDS=0,1 START=random` makes "
        "the table by today's."
    )


def test_of_many_changes_some_are_named(outcome):
    recipe = Recipe.from_plain(outcome.runs[0].recipe)
    changed = recipe.but(
        optimisation=replace(recipe.optimisation, epochs=99, batch=7, learning_rate=0.5, warm_up=3),
        augmentation=replace(recipe.augmentation, scale=0.125, rotation=1.0, half_body=0.75),
    )
    said = earlier_rule(with_recipe(outcome, 0, changed))
    assert said.count(" → ") == 6 and " and 1 more. " in said and "augmentation.rotation 1 → 30" in said


def test_a_table_of_another_length_is_current_at_that_length(outcome):
    recipes = table_recipes("skeletal", 3, SCALES["smoke"].of_length(0.5), DATA, (0, 1), start="random")
    runs = tuple(
        replace(run, recipe=recipe.to_plain(), key=recipe.key)
        for run, recipe in zip(outcome.runs, recipes.values(), strict=True)
    )
    assert earlier_rule(replace(outcome, runs=runs, length=0.5)) == ""
    assert "SCALE=smoke DATA=lspet" in earlier_rule(replace(outcome, runs=runs))
    assert "SCALE=smoke LENGTH=1/2 DATA=lspet" in earlier_rule(replace(outcome, length=0.5))


def test_a_warm_start_that_was_made_elsewhere_is_that_of_its_backbone(outcome):
    def started(name: str) -> Outcome:
        made = replace(outcome, start="warm")
        for position, run in enumerate(outcome.runs):
            recipe = Recipe.from_plain(run.recipe)
            initialisation = Initialisation(name=name, sha256="a" * 64, size=WEIGHT_SIZE)
            made = with_recipe(made, position, recipe.but(initialisation=initialisation))
        return made

    # the smoke scale's own warm start lies in the package; without it, as on a machine that never made a gpu scale's:
    own = Recipe.from_plain(outcome.runs[0].recipe).method.network.backbone
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("repro.training.warm_start.initialisation_for", lambda backbone: None)
        assert earlier_rule(started(own.plain().warm_name)) == ""
        assert "initialisation.name people-parts-w32-000000 → default" in earlier_rule(
            started("people-parts-w32-000000")
        )
    assert "initialisation.sha256" in earlier_rule(started(own.plain().warm_name))  # not with these weights


def test_a_table_with_a_detectors_boxes_is_current():
    own = (SCALES["smoke"], replace(DATA, name="coco"), (0,), ("udp-w32-128x96",), "random")
    ((row, recipe),) = table_recipes("cal", 1, *own, boxes="detections-0123").items()
    run = RunOutcome(
        row=row[0],
        seed=0,
        recipe=recipe.to_plain(),
        key=recipe.key,
        training_key=recipe.training_key,
        metrics={"AP": 0.5},
        curve=[],
        seconds=1.0,
    )
    assert earlier_rule(Outcome("cal", 1, "smoke", "coco", 2, (run,), start="random")) == ""


def test_a_recipe_that_can_no_longer_be_read_names_the_command(outcome):
    runs = (replace(outcome.runs[0], recipe=outcome.runs[0].recipe | {"temperature": 0.5}), *outcome.runs[1:])
    with pytest.raises(
        ReproError, match=r"table 3 of skeletal have changed .*'temperature'.*run `make reproduce PAPER="
    ):
        check_readable(replace(outcome, runs=runs))


def test_weights_that_are_no_more_are_a_change_too(outcome):
    said = earlier_rule(replace(outcome, start="hrnet-gone"))
    assert "START 'hrnet-gone'" in said and "`make reproduce" in said
