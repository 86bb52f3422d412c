"""How a scale changes bottom-up recipes, which show whole images: the part of ``scales.scale`` that top-down recipes do not have.

- **Input**: all sides of a table are divided by one power of two and brought to the nearest multiple of 64 px, which the network
  can halve five times at half the size too. With a divisor of 4 both 512 and 640 (160, half-way between two) become 128, so
  that at ``laptop`` scale W48 differs from W32 in width alone: at 192 px its three rows would take as long as all else that the
  five papers show in table 2.
- **Input px**: distances that the papers give in px of the network's input (how far a cue absorbs candidates, how near the
  joints of one person found twice lie) shrink as the input does. Quantities in map px stay as printed.
- **Drawn scenes** are square. Where they are smaller than 512 px, the least area of people that are learned shrinks with
  them: COCO's 32 x 32 px are of images of that size.
- **People** in drawn scenes are few and large, so that sigma 2 and central regions of 8 x 8 map px are not larger than they
  (``FEW``), and at ``laptop`` scale, whose numbers are meant to be read, fewer and larger still (``LARGE``). At ``gpu`` scale
  they are as small as perfect maps still show nearly all of (``SHOWN``).
- **Length** of ``laptop``: 5,000 images, 625 steps of 8, in hgr's table 2 with its seven networks 3,000: what ``make
  reproduce TABLE=2`` over five papers, meant to take an hour on two cores, leaves to the two tables of scenes. Networks are far
  from having learned all they could then. In trials of the baseline of hgr's table 4 (600 training and 100 evaluated scenes,
  one seed; mean OKS of regressed, of heatmap-found and of final poses, AP) 4,800 images of FEW reached 12, 25, 17 and 0.0,
  half-way through 10,200 images of LARGE 14, 42, 27 and 1.0, and at their end 20, 44, 31 and 2.0. Learning rate and batch stay:
  2e-3 was no better than 1e-3 after 2,400 images, and batches of 4 took 40 % longer for the same OKS within 3.
- **Scoring** learns from fewer images, in smaller batches, so that it takes about as many steps as it should.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from repro.data.drawn.settings import MILD, PeopleSettings
from repro.data.scene_augment import ROUNDED_TO
from repro.encoders.centre_offsets import GuidedTargets
from repro.grouping.guided import GuidedGrouper
from repro.recipe import Recipe, SceneEvaluation

REFERENCE = 512  # px: side of the scenes that COCO's least area, and the heights of drawn people, are meant for

# Three people at most, each at least a third of the picture high. Chosen by looking at contact sheets, once, for all tables.
FEW = replace(MILD, smallest=160.0, largest=400.0, crowd=3)

# Two people at most, as high as the picture allows, for scales whose maps are 32 px wide: there a map px is so large against
# FEW's people that nothing but the map's resolution would be measured. Keypoints displaced by normal noise of one map px in x
# and y reach a mean OKS of 44 and an AP of 2 with FEW, 60 and 17 with these (100 scenes of 256 px). Everyday poses alone, not
# cut and not hidden, would not change that.
LARGE = replace(FEW, smallest=300.0, largest=480.0, crowd=2)

# Three people at most, half the picture high and more, for maps of 64 px: a person's root area is 15 map px in the median. Who
# covers less than COCO's 32 x 32 px is not labelled, as there. Perfect maps of 40 scenes of 512 px reach AP 97 with
# heatmap-guided regression, 94 with tags and 97 with CenterNet; of default people, unlabelled likewise, 87, 65 and 82.
SHOWN = replace(FEW, smallest=240.0, largest=480.0, least_area=32.0**2)


@dataclass(frozen=True, kw_only=True)
class SceneScale:
    """What a scale does to bottom-up recipes.

    Args:
        area: of the largest input of a table, in px^2, before sides become multiples of 64; None leaves inputs as they are.
        side: of drawn scenes in px.
        train: images to train on at most; None for all, or the data set's own number where people are drawn.
        val: images to evaluate at most.
        people: how hard drawn people are.
        crops: images shown over a training; None for the paper's epochs.
        batch: images a step; None for the paper's.
        scoring: images that the scoring network learns from; None for all.
        scoring_batch: people a step of its training; None for the paper's.
    """

    area: int | None = None
    side: int = REFERENCE
    train: int | None = None
    val: int | None = None
    people: PeopleSettings = PeopleSettings()
    crops: int | None = None
    batch: int | None = None
    scoring: int | None = None
    scoring_batch: int | None = None


def scene_size(size: tuple[int, int], divisor: int) -> tuple[int, int]:
    """The side of a square input over the divisor, as the nearest multiple of 64 px, the lower of two; both ways."""
    side = max(1, -(-(2 * size[0] - divisor * ROUNDED_TO) // (2 * divisor * ROUNDED_TO))) * ROUNDED_TO
    side = side if divisor > 1 else size[0]
    return side, side


def apply_scene_scale(recipe: Recipe, scale: SceneScale, *, divisor: int, drawn: bool) -> Recipe:
    """A bottom-up recipe with its input, distances in input px, least area and evaluation brought to a scale.

    Args:
        recipe: at paper size.
        scale: to bring it to.
        divisor: of the table's inputs.
        drawn: whether people are drawn.
    """
    size = scene_size(recipe.input.size, divisor)
    method = recipe.method
    if isinstance(method.decoder, GuidedGrouper):
        ratio = size[0] / recipe.input.size[0]
        grouper = replace(
            method.decoder, radius=method.decoder.radius * ratio, same_distance=method.decoder.same_distance * ratio
        )
        method = method.but(decoder=grouper)
    if isinstance(method.encoder, GuidedTargets) and drawn:
        least = method.encoder.smallest_area * (scale.side / REFERENCE) ** 2
        method = method.but(encoder=replace(method.encoder, smallest_area=least))
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
