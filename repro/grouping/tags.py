"""Grouping by associative embedding, the parser of HigherHRNet (Cheng et al. 2020, after Newell et al. 2017).

Joint by joint, peaks are assigned to the people found so far by the distance of their tag to the mean tag of each (Hungarian
method); peaks that fit nobody start a new person. Then peaks move a quarter of a px toward the higher neighbour, and joints
that are missing are filled in from the whole map.

What differs from the official code: maps are resampled without half pixels, so that no 0.5 px are added afterwards
(``shift``); peaks with equal neighbours stay instead of moving to the top left; two people that begin with exactly the same
tag remain two; joints are filled in at the maps' own resolution. Peaks are searched at that resolution too, which finds
those of the up-sampled maps (see ``candidates``).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from repro.errors import ReproError
from repro.grouping.candidates import Candidates, keypoint_candidates
from repro.grouping.maps import fused_heatmaps, one_image
from repro.grouping.multi_scale import averaged_tag_maps
from repro.grouping.people import People, no_people
from repro.grouping.sampling import resample, values_between
from repro.grouping.shown import Shown
from repro.skeletons.skeleton import Skeleton

TORSO_FIRST = ("nose", "eye", "ear", "head", "neck", "shoulder", "hip", "elbow", "wrist", "knee", "ankle")


def joint_order(skeleton: Skeleton) -> tuple[int, ...]:
    """The order in which joints are grouped: face, shoulders, hips, arms, legs; for COCO 0-6, 11, 12, 7-10, 13-16.

    CrowdPose has the same by name, head and neck first; keypoints of other names come last, in their own order.
    """

    def rank(joint: int) -> int:
        part = skeleton.keypoints[joint].removeprefix("left_").removeprefix("right_")
        return TORSO_FIRST.index(part) if part in TORSO_FIRST else len(TORSO_FIRST)

    return tuple(sorted(range(len(skeleton)), key=rank))


def match_tags(
    tags: np.ndarray,
    heats: np.ndarray,
    valid: np.ndarray,
    order: tuple[int, ...],
    *,
    threshold: float = 1.0,
    max_people: int = 30,
) -> np.ndarray:
    """Which peak of each joint belongs to which person.

    The cost of a pair is round(distance of the tags) * 100 - heat, so that among people at the same rounded distance higher
    peaks are served first; a pair counts if the distance itself is below the threshold. Only the first ``max_people`` people
    take part, others that start later keep what they start with (the official default, ignore_too_much off).

    Args:
        tags: (K, N, T). heats: (K, N). valid: (K, N) bool.
        order: joints in the order of grouping.

    Returns:
        (M, K) int64: the position of the peak among the N of its joint, -1 for none.
    """
    joints = len(tags)
    people: list[np.ndarray] = []
    sums: list[np.ndarray] = []
    counts: list[int] = []
    for joint in order:
        peaks = np.flatnonzero(valid[joint])
        owner = np.full(len(peaks), -1)
        if len(peaks) and people:
            known = min(len(people), max_people)
            means = np.stack(sums[:known]) / np.array(counts[:known])[:, None]
            apart = np.linalg.norm(tags[joint, peaks, None] - means[None], axis=-1)
            cost = np.round(apart) * 100 - heats[joint, peaks, None]
            cost = np.concatenate([cost, np.full((len(peaks), max(len(peaks) - known, 0)), 1e10)], axis=1)
            rows, columns = linear_sum_assignment(cost)
            fits = (columns < known) & (apart[rows, np.minimum(columns, known - 1)] < threshold)
            owner[rows[fits]] = columns[fits]
        for peak, person in zip(peaks, owner, strict=True):
            if person < 0:
                people.append(np.full(joints, -1))
                sums.append(np.zeros(tags.shape[-1]))
                counts.append(0)
                person = len(people) - 1
            people[person][joint] = peak
            sums[person] = sums[person] + tags[joint, peak]
            counts[person] += 1
    return np.stack(people).astype(np.int64) if people else np.zeros((0, joints), dtype=np.int64)


def quarter_steps(heatmaps: Tensor, channels: Tensor, points: Tensor) -> Tensor:
    """(N, 2) steps of a quarter px toward the higher of the neighbours along each axis; beyond the border is the border.

    Args:
        heatmaps: (K, H, W). channels: (N,). points: (N, 2) whole-number x, y in map px.
    """
    height, width = heatmaps.shape[-2:]
    x, y = points.long().unbind(-1)

    def at(dx: int, dy: int) -> Tensor:
        return heatmaps[channels, (y + dy).clamp(0, height - 1), (x + dx).clamp(0, width - 1)]

    return 0.25 * torch.stack([at(1, 0) - at(-1, 0), at(0, 1) - at(0, -1)], -1).sign()


@dataclass(frozen=True, kw_only=True)
class TagGrouper:
    """Associative-embedding grouping; the numbers are those of HigherHRNet's recipes.

    Args:
        skeleton: the skeleton whose names give the order of the joints; None in recipes, where it is the data set's.
        max_people: peaks a joint and people that peaks are matched to.
        detection_threshold: smallest heat of a peak.
        tag_threshold: people and peaks farther apart do not match.
        kernel: window of peaks in input px.
        adjust: move peaks by a quarter px.
        refine: fill in missing joints, each at the pixel of the highest heat less rounded tag distance, if its heat is
            positive.
        refine_limit: fill in only where the tag distance is below this; None as in the official code, which so takes joints
            of other people.
        shift: added to all points, in input px; 0.5 in the official code.
    """

    answers: ClassVar[tuple[str, ...]] = ("final",)

    skeleton: Skeleton | None = None
    max_people: int = 30
    detection_threshold: float = 0.1
    tag_threshold: float = 1.0
    kernel: int = 5
    adjust: bool = True
    refine: bool = True
    refine_limit: float | None = None
    shift: float = 0.0

    def __call__(self, outputs: dict[str, Tensor], *, stride: int = 4) -> People:
        """The people of one image, by falling score: the mean of the K joint heats before joints are filled in.

        Args:
            outputs: ``heatmaps`` (1, K, h, w), ``tags`` (1, K, h, w) or (1, K, T, h, w) with T tags from the flip test, and
                optionally ``heatmaps_2x`` (1, K, 2h, 2w).
            stride: input px a px of ``heatmaps``.

        Raises:
            ReproError: when maps are missing or do not have one channel a keypoint, or the skeleton is not known.
        """
        if self.skeleton is None:
            raise ReproError(
                "TagGrouper has no skeleton, whose names give the order of the joints: give the data set's."
            )
        heatmaps, step = fused_heatmaps(outputs, stride)
        tags = one_image(outputs, "tags").float()
        tags = tags[:, None] if tags.dim() == 3 else tags
        if len(tags) != len(heatmaps) or len(tags) != len(self.skeleton):
            raise ReproError(
                f"Got {len(heatmaps)} heatmaps and {len(tags)} tag maps for the {len(self.skeleton)} keypoints of "
                f"{self.skeleton.name}: give one each."
            )
        found = keypoint_candidates(
            heatmaps, stride=step, count=self.max_people, threshold=self.detection_threshold, kernel=self.kernel
        )
        peak_tags = self._peak_tags(tags, found, stride)
        chosen = match_tags(
            peak_tags.double().cpu().numpy(),
            found.scores.double().cpu().numpy(),
            found.valid.cpu().numpy(),
            joint_order(self.skeleton),
            threshold=self.tag_threshold,
            max_people=self.max_people,
        )
        if not len(chosen):
            return no_people(len(heatmaps), heatmaps)
        return self._people(heatmaps, tags, found, peak_tags, torch.from_numpy(chosen).to(heatmaps.device), step)

    def people(self, shown: Shown) -> People:
        """The people of an image at one scale or several, with the joints in the order of its skeleton."""
        outputs, step = shown.scales[1.0], shown.stride
        if len(shown.scales) > 1:
            outputs, step = averaged_tag_maps(shown.scales, shown.stride)
        return replace(self, skeleton=shown.skeleton)(outputs, stride=step)

    def _peak_tags(self, tags: Tensor, found: Candidates, stride: int) -> Tensor:
        """(K, N, T): the tags at the peaks."""
        joints, count = len(tags), tags.shape[1]
        channels = torch.arange(joints * count, device=tags.device)
        points = found.points.repeat_interleave(count, 0) / stride
        height, width = tags.shape[-2:]
        points = points.clamp(max=points.new_tensor([width - 1, height - 1]))  # peaks of a finer map may lie beyond
        values = values_between(tags.flatten(0, 1), channels, points)[0]
        return values.view(joints, count, -1).transpose(1, 2)

    def _people(
        self, heatmaps: Tensor, tags: Tensor, found: Candidates, peak_tags: Tensor, chosen: Tensor, step: int
    ) -> People:
        """People of the chosen peaks (M, K)."""
        joints = torch.arange(len(heatmaps), device=heatmaps.device)
        has, slot = chosen >= 0, chosen.clamp(min=0)
        points = torch.where(has[..., None], found.points[joints, slot], 0)
        heats = torch.where(has, found.scores[joints, slot], 0)
        own_tags = torch.where(has[..., None], peak_tags[joints, slot], 0).sum(1) / has.sum(1, keepdim=True)
        scores = heats.mean(1)
        if self.adjust:
            person, joint = has.nonzero().unbind(1)
            points[person, joint] += quarter_steps(heatmaps, joint, points[person, joint] / step)
        if self.refine and not has.all():
            points, heats = self._filled(heatmaps, tags, points, heats, own_tags, has, step)
            has = heats > 0
        points = torch.where(has[..., None], points + self.shift, points)
        return People(points=points, keypoint_scores=heats, scores=scores).ranked(len(scores))

    def _filled(
        self, heatmaps: Tensor, tags: Tensor, points: Tensor, heats: Tensor, own: Tensor, has: Tensor, step: int
    ) -> tuple[Tensor, Tensor]:
        """Points and heats with the missing joints filled in."""
        height, width = heatmaps.shape[-2:]
        fine = resample(tags.flatten(0, 1), (width, height)).view(*tags.shape[:2], height, width)
        points, heats = points.clone(), heats.clone()
        for person in range(len(points)):
            joint = (~has[person]).nonzero()[:, 0]
            if not len(joint):
                continue
            apart = (fine[joint] - own[person][None, :, None, None]).square().sum(1).sqrt()
            value = heatmaps[joint] - apart.round()
            if self.refine_limit is not None:
                value = torch.where(apart < self.refine_limit, value, -torch.inf)
            best = value.flatten(1).argmax(1)
            pixels = torch.stack([best % width, torch.div(best, width, rounding_mode="floor")], -1).to(points)
            heat = heatmaps[joint].flatten(1).gather(1, best[:, None])[:, 0]
            good = (heat > 0) & torch.isfinite(value.flatten(1).gather(1, best[:, None])[:, 0])
            moved = pixels * step + quarter_steps(heatmaps, joint, pixels)
            points[person, joint[good]], heats[person, joint[good]] = moved[good], heat[good]
        return points, heats
