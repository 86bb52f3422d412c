"""The people of whole images, from a network's maps by the recipe's protocol."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Semaphore
from typing import Any

import numpy as np
import torch
from torch import nn

from repro.approaches.bottom_up.outputs import scene_outputs
from repro.approaches.bottom_up.samples import as_images
from repro.approaches.samples import Kept, Samples
from repro.data.crops import normalise
from repro.data.images import ImageSet
from repro.data.resident import Residence
from repro.data.scene_batches import EvaluationScenes, SceneBatches
from repro.geometry import transform_points
from repro.grouping.people import People
from repro.grouping.regressed import Cues
from repro.grouping.shown import Scales, Scorer, Shown
from repro.recipe import Recipe
from repro.skeletons.skeleton import Skeleton
from repro.support import processes
from repro.training.device import prepare_evaluation
from repro.training.returned import grouped

BATCH = 8  # images a forward pass, where their canvases are equally large
MOST_THREADS = 8  # that group people beside a GPU


@dataclass(frozen=True)
class ScenePoses:
    """N people in the images of a set, ordered by image: points (N, K, 2) x, y in image px, keypoint scores (N, K), scores (N,)
    and the position of each one's image (N,)."""

    image_index: np.ndarray
    points: np.ndarray
    keypoint_scores: np.ndarray
    scores: np.ndarray

    def of_image(self, index: int) -> ScenePoses:
        """The people of one image."""
        own = self.image_index == index
        return ScenePoses(self.image_index[own], self.points[own], self.keypoint_scores[own], self.scores[own])


def load_poses(run: Kept) -> ScenePoses:
    """The people that a complete run keeps."""
    return ScenePoses(*run.arrays("image_index", "points", "keypoint_scores", "scores").values())


def answers_of(recipe: Recipe) -> tuple[str, ...]:
    """What is measured of a recipe's network: ``final``; of heatmap-guided ones also ``regression``, the regressed poses alone,
    and ``heatmap``, the keypoints that the true poses find in the heatmaps (Table 4 of Sun et al.)."""
    return recipe.method.grouper.answers


@dataclass(frozen=True)
class Asked:
    """What is asked of a network's maps.

    Args:
        recipe: its grouper and its way of combining scales are followed.
        answers: some of ``answers_of``.
        scorer: gives people of ``final`` their scores; None for the naive score.
    """

    recipe: Recipe
    answers: Sequence[str] = ("final",)
    scorer: Scorer | None = None


def predict_scenes(
    network: nn.Module,
    images: ImageSet,
    recipe: Recipe,
    device: torch.device,
    *,
    answers: Sequence[str] = ("final",),
    index: np.ndarray | None = None,
    scorer: Scorer | None = None,
    workers: int = 0,
    residence: Residence | None = None,
) -> dict[str, ScenePoses]:
    """The people of images by answer, by a recipe's grouper and protocol (flip test, scales, how these are combined).

    The arguments are those of ``Asked`` and of ``predict_scenes_with``.
    """
    asked = [Asked(recipe, answers, scorer)]
    return predict_scenes_with(network, images, asked, device, index=index, workers=workers, residence=residence)[0]


@torch.inference_mode()
def predict_scenes_with(
    network: nn.Module,
    images: ImageSet,
    asked: Sequence[Asked],
    device: torch.device,
    *,
    index: np.ndarray | None = None,
    workers: int = 0,
    residence: Residence | None = None,
) -> list[dict[str, ScenePoses]]:
    """The people of images by each of several recipes of one training and one flip test; scales that they share are shown once.

    Args:
        network: the network of the recipes.
        images: the set.
        asked: what is asked of its maps.
        device: the device to compute on; grouping is done on the CPU.
        index: positions of the images wanted; None for all.
        workers: processes that read images.
        residence: the place for images that are shown again; None for this call alone.

    Returns:
        the people by answer, for each that asked.
    """
    network.eval()
    prepare_evaluation(device)
    recipe, starts = asked[0].recipe, images.starts()
    scales = sorted({scale for one in asked for scale in one.recipe.scene_evaluation.scales})
    grouped: list[tuple[int, Callable[[], list[dict[str, People]]]]] = []
    wanted = np.arange(len(images)) if index is None else index
    residence = residence or Residence(device)
    kept = residence.scenes(images, wanted)
    batches = SceneBatches(images, recipe.scene_input, workers=residence.workers(kept, workers), resident=kept)

    @torch.inference_mode()
    def group(shown: EvaluationScenes, i: int, own: Scales) -> list[dict[str, People]]:
        return [_people(one, images, starts, shown, i, own) for one in asked]

    with _grouping(device) as run:
        for shown in batches.evaluation(scales, batch=BATCH, index=index):
            maps = {}
            for scale, pixels in shown.images.items():
                pixels = normalise(pixels.to(device, non_blocking=True))
                outputs = scene_outputs(network, pixels, recipe, images.skeleton)
                maps[scale] = {name: value.cpu() for name, value in outputs.items()}
            for i, image in enumerate(shown.index.tolist()):
                own = {scale: {n: value[i : i + 1] for n, value in outputs.items()} for scale, outputs in maps.items()}
                grouped.append((image, run(group, shown, i, own)))
        people = [(image, result()) for image, result in grouped]
    return [
        {
            answer: gather([(image, found[number][answer]) for image, found in people], len(images.skeleton))
            for answer in one.answers
        }
        for number, one in enumerate(asked)
    ]


def _people(
    asked: Asked, images: ImageSet, starts: np.ndarray, shown: EvaluationScenes, i: int, maps: Scales
) -> dict[str, People]:
    """The people of the i-th image shown, in image px and by answer, from its maps at the scales of all recipes."""
    people, image = {}, int(shown.index[i])
    own = {scale: maps[scale] for scale in asked.recipe.scene_evaluation.scales}
    for answer in asked.answers:
        cues = true_cues(images, starts, image, shown.matrices[i]) if answer == "heatmap" else None
        one = group_people(own, asked.recipe, images.skeleton, answer=answer, cues=cues, scorer=asked.scorer)
        people[answer] = one.mapped(torch.from_numpy(shown.inverses[i]))
    return people


@torch.inference_mode()
def show(network: nn.Module, samples: Samples, recipe: Recipe, device: torch.device) -> None:
    """Show a network the evaluation images once at one scale, for the time that takes; nobody is grouped."""
    batches = SceneBatches(as_images(samples.val), recipe.scene_input)
    for shown in batches.evaluation((1.0,), batch=len(samples.val)):
        scene_outputs(network, normalise(shown.images[1.0].to(device)), recipe, samples.val.skeleton)


@contextmanager
def _grouping(device: torch.device) -> Iterator[Callable[..., Callable[[], Any]]]:
    """Gives a function that calls another one and returns what gives its result: at once on a CPU; beside a GPU, which goes on
    with the next images meanwhile, in threads of the cores that are there."""
    if device.type == "cpu":

        def call(function: Callable, *arguments: Any) -> Callable[[], Any]:
            result = function(*arguments)
            return lambda: result

        yield call
        return
    threads = min(MOST_THREADS, processes.available_cores())
    waiting = Semaphore(4 * threads)  # images whose maps are in memory
    with ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,)) as pool:

        def submit(function: Callable, *arguments: Any) -> Callable[[], Any]:
            waiting.acquire()
            future = pool.submit(function, *arguments)
            future.add_done_callback(lambda _: waiting.release())
            return future.result

        yield submit


def group_people(
    scales: Scales,
    recipe: Recipe,
    skeleton: Skeleton,
    *,
    answer: str = "final",
    cues: Cues | None = None,
    scorer: Scorer | None = None,
) -> People:
    """The people of one image in input px of scale 1.

    Args:
        scales: a mapping from the scale to the maps of the image, a batch of one.
        recipe: the recipe for grouper, stride and how several scales are combined.
        skeleton: the skeleton of the people.
        answer: one of the grouper's ``answers``.
        cues: true poses, for ``heatmap``.
        scorer: the scoring network, see ``Asked``.

    Raises:
        ReproError: for several scales with a grouper that has no rule for them, as CenterNet's.
    """
    shown = Shown(
        scales=scales,
        stride=recipe.scene_input.stride,
        skeleton=skeleton,
        described=recipe.method.network.outputs,
        several=recipe.scene_evaluation.reading,
        answer=answer,
        cues=cues,
        scorer=scorer,
    )
    return grouped(recipe.method.grouper, shown)


def true_cues(images: ImageSet, starts: np.ndarray, image: int, matrix: np.ndarray) -> Cues:
    """The true poses of one image as cues, in input px; people without labelled keypoints are left out.

    Args:
        images: the set, whose ``starts()`` are given.
        starts: the positions where the people of each image begin, and the end.
        image: position of the image.
        matrix: (2, 3) from image px to input px.
    """
    rows = np.arange(starts[image], starts[image + 1])
    labelled = images.visibility[rows] > 0
    rows, labelled = rows[labelled.any(1)], labelled[labelled.any(1)]
    points = transform_points(np.repeat(matrix[None], len(rows), 0), images.keypoints[rows])
    return Cues(
        points=torch.from_numpy(points.astype(np.float32)),
        scores=torch.ones(len(rows)),
        labelled=torch.from_numpy(labelled),
    )


def gather(people: list[tuple[int, People]], keypoints: int) -> ScenePoses:
    """The people of several images, given as (position, people), in columns."""
    counts = [len(one) for _, one in people]

    def column(name: str, *shape: int) -> np.ndarray:
        parts = [getattr(one, name).double().numpy() for _, one in people]
        return np.concatenate(parts) if parts else np.zeros((0, *shape))

    return ScenePoses(
        np.repeat(np.array([image for image, _ in people], dtype=np.int64), counts),
        column("points", keypoints, 2),
        column("keypoint_scores", keypoints),
        column("scores"),
    )
