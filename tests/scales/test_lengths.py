"""Lengths of trainings: which there are, how many samples and epochs they leave, and that the table says them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repro.errors import ReproError
from repro.papers.cal.rows import SECOND
from repro.recipe import Data, Optimisation
from repro.scales.lengths import LEAST_EPOCHS, LENGTHS, limited_samples, parse_length, written
from repro.scales.scale import SCALES
from repro.skeletons.wholebody import WHOLEBODY133
from repro.tables.plan import table_recipes

LAPTOP, GPU, PAPER = SCALES["laptop"], SCALES["gpu"], SCALES["paper"]
DATA = Data(name="people", train_fingerprint="0" * 16, train_count=4000, val_fingerprint="1" * 16, val_count=1000)


@pytest.mark.parametrize(
    ("text", "length"),
    [("0.5", 0.5), ("1/2", 0.5), (".125", 0.125), (" 1/8", 0.125), ("1", 1.0), ("8.0", 8.0), (2, 2.0), (0.25, 0.25)],
)
def test_lengths_are_read_as_fractions_and_as_numbers(text, length):
    assert parse_length(text) == length


@pytest.mark.parametrize("text", ["", "0.3", "1/3", "2/4", "16", "-1", "nan", "half", "1e0x", "٢/٤"])
def test_other_lengths_are_refused_with_those_there_are(text):
    with pytest.raises(ReproError, match="LENGTH is .*, expected one of 1/8, 1/4, 1/2, 1, 2, 4, 8.$"):
        parse_length(text)


def test_lengths_are_read_as_they_are_written():
    assert [parse_length(written(length)) for length in LENGTHS] == list(LENGTHS)


@pytest.mark.parametrize(
    ("scale", "length", "drawn", "photographs", "scenes", "whole"),
    [
        # 24,000 crops of 4,000: six epochs, three at half the length; then halved: 6,000 of 2,000 and 3,000 of 1,000.
        # 120,000 photographs of 4,000 are 30 epochs. 16,000 scenes of 2,000 are eight, four at half, so 1,000 at a
        # quarter; twice as many scenes for longer trainings.
        # 16,000 whole bodies of 4,000 are four: two at half, so 2,000.
        (LAPTOP, 1.0, 4000, 4000, 2000, 4000),
        (LAPTOP, 0.5, 4000, 4000, 2000, 2000),
        (LAPTOP, 0.25, 2000, 4000, 1000, 1000),
        (LAPTOP, 0.125, 1000, 4000, 500, 500),
        (LAPTOP, 8.0, 4000, 4000, 4000, 4000),
        (GPU, 0.125, 8000, 20_000, 2000, 8000),  # 240,000 crops of 16,000, 600,000 of 40,000, 64,000 scenes of 4,000
        (PAPER, 0.125, None, None, None, None),
    ],
)
def test_short_trainings_have_fewer_samples(scale, length, drawn, photographs, scenes, whole):
    short = scale.of_length(length)
    assert short.training_limit(drawn=True) == drawn
    assert short.training_limit(drawn=False) == photographs
    assert short.training_limit(drawn=True, scenes=True) == scenes
    assert short.for_skeleton(WHOLEBODY133).training_limit(drawn=True) == whole


@given(
    count=st.integers(1, 10_000), crops=st.integers(1, 10**6), length=st.sampled_from(LENGTHS), least=st.integers(1, 64)
)
def test_samples_are_as_many_as_leave_three_epochs_or_a_batch(count, crops, length, least):
    left = limited_samples(count, crops, length, least)
    assert 1 <= left <= count
    if length >= 1 or length * crops >= LEAST_EPOCHS * count:
        assert left == count
    elif left < count:  # not halved once too often, and never below a batch
        assert left >= least and length * crops < LEAST_EPOCHS * (2 * left + 1)
    if left < count and left // 2 >= least:
        assert length * crops >= LEAST_EPOCHS * left


@pytest.mark.parametrize(("length", "count", "epochs"), [(1, 4000, 6), (0.5, 4000, 3), (0.125, 1000, 3), (4, 4000, 24)])
def test_all_rows_of_a_table_share_the_length_and_recipes_say_it_by_their_epochs(length, count, epochs):
    recipes = table_recipes("skeletal", 3, LAPTOP.of_length(length), replace(DATA, train_count=count), (0,)).values()
    assert {recipe.optimisation.epochs for recipe in recipes} == {epochs}
    whole = table_recipes("skeletal", 3, LAPTOP, replace(DATA, train_count=count), (0,)).values()
    for recipe, plain in zip(recipes, whole, strict=True):
        assert recipe == plain.but(optimisation=replace(plain.optimisation, epochs=epochs))


def test_a_length_at_paper_scale_is_one_of_the_papers_epochs():
    recipes = [table_recipes("skeletal", 3, PAPER.of_length(length), DATA, (0,)) for length in (1.0, 0.5)]
    assert [recipe["hrnet", 0].optimisation.epochs for recipe in recipes] == [210, 105]


def test_a_second_stage_keeps_its_share_of_the_first():
    recipes = table_recipes("cal", 8, LAPTOP.of_length(8.0), DATA, (0,)).values()
    staged = [recipe for recipe in recipes if recipe.second_stage]
    assert staged
    for recipe in staged:  # 24,000 crops of 4,000 are six epochs, 48 at eight times the length
        share = SECOND / Optimisation().epochs
        assert (recipe.optimisation.epochs, recipe.second_stage.epochs) == (48, round(48 * share))


def test_a_tables_own_length_and_the_commands_multiply():
    short = table_recipes("hgr", 2, LAPTOP.of_length(0.5), replace(DATA, train_count=500), (0,))
    # a quarter of half of 16,000 images: 2,000, in batches of 8 of 500 images, of which 496 are shown an epoch
    assert {recipe.optimisation.epochs for recipe in short.values()} == {round(2000 / 496)}
