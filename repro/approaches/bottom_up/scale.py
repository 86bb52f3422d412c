"""How a scale changes bottom-up recipes, which show whole images: beside what ``scales.scale`` tells of all.

- **Input**: all sides of a table are divided by one power of two and brought to the nearest multiple of 64 px, which the
  network can halve five times at half the size too. At ``laptop`` scale no side is above 256 px: both 512 and 640 become 256,
  and W48 differs from W32 in width alone.
- **Input px**: distances that the papers give in px of the network's input (how far a cue absorbs candidates, how near the
  joints of one person found twice lie) shrink as the input does. Quantities in map px stay as printed.
- **Drawn scenes** are square. Where they are smaller than 512 px, the least area of people that are learned shrinks with
  them: COCO's 32 x 32 px are of images of that size.
- **People** in drawn scenes are few and large, so that sigma 2 and central regions of 8 x 8 map px are not larger than they
  (``FEW``), and at ``laptop`` scale, whose numbers are meant to be read, fewer and larger still (``LARGE``). At ``gpu`` scale
  they are as small as perfect maps still show nearly all of (``SHOWN``).
- **Optimisation**: the warm-up takes a twentieth of the steps at most, and at ``laptop`` scale the rate falls once, to a tenth
  after four fifths of the steps, for all rows alike: the papers' second fall leaves a short training with a last part that
  changes next to nothing.
- **Augmentation** is as strong as the training is long: rotations, shifts, changes of size and of colour shrink to the share of
  the printed epochs that is shown (``weakened``); mirroring stays. What is printed is meant for 140 and 300 epochs.
- **Length** of ``laptop``: 16,000 images, 2,000 steps of 8, a quarter of it in hgr's table 2 with seven networks; ``LENGTH=2``
  and more draw twice as many scenes to train on. Batches of 4 took 40 % longer for the same OKS within 3.
- **Scoring** learns from fewer images, in smaller batches, so that it takes about as many steps as it should.
"""

from __future__ import annotations

from dataclasses import replace

from repro.approaches.bottom_up.scene_scale import REFERENCE, SceneScale
from repro.approaches.scaling import Numbers, ScaleLike
from repro.data.scene_augment import ROUNDED_TO, SceneAugmentation
from repro.recipe import Optimisation, Recipe, SceneEvaluation
from repro.support.foreign import code_of


def numbers(scale: ScaleLike, *, drawn: bool) -> Numbers:
    """What a scale says to bottom-up recipes, on people that are ``drawn`` or on photographs."""
    own = scale.scenes
    return Numbers(own.area, scale.training_limit(drawn=drawn, scenes=True), own.val, own.crops, own.batch)


def scene_size(size: tuple[int, int], divisor: int, most: int | None = None) -> tuple[int, int]:
    """The side of a square input over the divisor, both ways: the nearest multiple of 64 px, the lower of two, up to ``most``."""
    side = max(1, -(-(2 * size[0] - divisor * ROUNDED_TO) // (2 * divisor * ROUNDED_TO))) * ROUNDED_TO
    side = side if divisor > 1 else size[0]
    side = side if most is None else min(side, most)
    return side, side


def weakened(augmentation: SceneAugmentation, share: float) -> SceneAugmentation:
    """Augmentation for a training of fewer epochs.

    Args:
        augmentation: the paper's.
        share: the share of the paper's epochs that is shown; 1 and more leave it as it is.

    Returns:
        Rotations, shifts, changes of colour and the distances of the crop's size from 1 times the share, to four digits;
        mirroring as it is.
    """
    share = min(1.0, share)
    low, high = (round(1 + share * (factor - 1), 4) for factor in augmentation.scale)
    return replace(
        augmentation,
        scale=(low, high),
        rotation=round(share * augmentation.rotation, 4),
        translation=round(share * augmentation.translation, 4),
        colour=round(share * augmentation.colour, 4),
        lighting=round(share * augmentation.lighting, 4),
    )


def scene_optimisation(optimisation: Optimisation, scale: SceneScale, steps: int) -> Optimisation:
    """Warm-up and falls of the learning rate as a scale has them, over a training of so many steps."""
    if scale.warm_up_share is not None:
        optimisation = replace(optimisation, warm_up=int(scale.warm_up_share * steps))
    if scale.drops is not None:
        optimisation = replace(optimisation, steps=scale.drops)
    if scale.counted_in is not None:
        optimisation = replace(optimisation, counted_in=scale.counted_in)
    return optimisation


def paced(recipe: Recipe, optimisation: Optimisation, scale: SceneScale, steps: int) -> Recipe:
    """A recipe with an optimisation whose rates are brought to a scale, and augmentation as strong as the training is long.

    Args:
        recipe: a recipe with the paper's optimisation.
        optimisation: what takes its place.
        scale: the scale.
        steps: number of steps of the training.
    """
    if scale.weaker:
        share = optimisation.epochs / recipe.optimisation.epochs
        recipe = recipe.but(augmentation=weakened(recipe.scene_augmentation, share))
    return recipe.but(optimisation=scene_optimisation(optimisation, scale, steps))


def scaled(recipe: Recipe, scale: SceneScale, *, divisor: int, drawn: bool) -> Recipe:
    """A bottom-up recipe with its input, distances in input px, least area and evaluation brought to a scale.

    Args:
        recipe: the recipe at paper size.
        scale: the scale to bring it to.
        divisor: the divisor of the table's inputs.
        drawn: whether people are drawn.
    """
    size = scene_size(recipe.input.size, divisor, scale.most)
    method = recipe.method
    if hasattr(method.decoder, "with_distances"):
        with code_of(method.decoder, "when its distances are brought to a scale"):
            decoder = method.decoder.with_distances(size[0] / recipe.input.size[0])
        method = method.but(decoder=decoder)
    if drawn and hasattr(method.encoder, "with_areas"):
        with code_of(method.encoder, "when its areas are brought to a scale"):
            encoder = method.encoder.with_areas((scale.side / REFERENCE) ** 2)
        method = method.but(encoder=encoder)
    return recipe.but(
        method=method, input=replace(recipe.input, size=size), evaluation=scaled_evaluation(recipe.scene_evaluation, scale)
    )


def scaled_evaluation(evaluation: SceneEvaluation, scale: SceneScale) -> SceneEvaluation:
    """The evaluation with the scoring network's training brought to a scale."""
    scoring = evaluation.scoring
    if scoring is not None and scale.scoring is not None:
        scoring = replace(scoring, images=scale.scoring)
    if scoring is not None and scale.scoring_batch is not None:
        scoring = replace(scoring, training=replace(scoring.training, batch=scale.scoring_batch))
    return replace(evaluation, scoring=scoring)
