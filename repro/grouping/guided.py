"""The grouper of hgr: regressed poses as cues absorb the keypoints that the heatmaps find (section 3.2).

The way of the released code: cues at the peaks of the centre map, suppression of repeated cues, absorption of the nearest
candidates, a Gaussian fit, and the score mean_k h_k(p_k) * o(p). What is mended of it is said where it happens: candidates
below the threshold, heat at exchanged rows and columns, chains of suppression, windows at borders.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, Literal

from torch import Tensor

from repro.errors import ReproError, choice_error
from repro.grouping.absorb import absorb
from repro.grouping.candidates import keypoint_candidates
from repro.grouping.maps import fused_heatmaps, one_image
from repro.grouping.multi_scale import MultiScale
from repro.grouping.people import People, no_people
from repro.grouping.refine import fit_gaussians
from repro.grouping.regressed import Cues, heat_at, regressed_cues
from repro.grouping.scores import naive_scores
from repro.grouping.shown import Scorer, Shown
from repro.grouping.suppression import keep_best

Output = Literal["final", "regression"]


@dataclass(frozen=True, kw_only=True)
class GuidedGrouper:
    """Heatmap-guided grouping.

    Args:
        max_people: M of the paper: at most so many cues, and people.
        candidates: so many candidates a keypoint type.
        threshold: smallest heat of candidates and of centres.
        kernel: window of candidates in input px.
        centre_kernel: window of centres in px of the centre map; None for the released code's rule, 3 at an input of 512.
        radius: a cue absorbs candidates nearer than this, in input px.
        adjust: fit Gaussians to the keypoints.
        adjust_above: only those whose centre heat times heat exceeds this; the released code's is 0.05.
        half_window: half the window of that fit in input px.
        same_distance, same_joints: cues are the same person if more than so many joints lie nearer than this, in input px.
            The number is the released code's for 17 and for 14 keypoints alike.
        output: ``final``, or ``regression`` for the regressed poses with the heat at their joints, the regression quality of
            Table 4.

    Raises:
        ReproError: for an unknown output, an even window, or a number of people or candidates below 1.
    """

    answers: ClassVar[tuple[str, ...]] = ("final", "regression", "heatmap")

    max_people: int = 30
    candidates: int = 30
    threshold: float = 0.01
    kernel: int = 5
    centre_kernel: int | None = None
    radius: float = 75.0
    adjust: bool = True
    adjust_above: float = 0.05
    half_window: int = 6
    same_distance: float = 10.0
    same_joints: int = 10
    output: Output = "final"

    def __post_init__(self) -> None:
        if self.output not in ("final", "regression"):
            raise choice_error("output of GuidedGrouper", self.output, ("final", "regression"))
        if min(self.max_people, self.candidates) < 1:
            raise ReproError(
                f"GuidedGrouper has {self.max_people} people and {self.candidates} candidates: give 1 or more of each."
            )
        for name, kernel in (("kernel", self.kernel), ("centre_kernel", self.centre_kernel)):
            if kernel is not None and kernel % 2 == 0:
                raise ReproError(f"GuidedGrouper {name} is {kernel}: give an odd number of px.")

    def __call__(
        self,
        outputs: dict[str, Tensor],
        *,
        stride: int = 4,
        cues: Cues | None = None,
        scorer: Scorer | None = None,
    ) -> People:
        """The people of one image.

        Args:
            outputs: ``heatmaps`` (1, K, h, w), ``centres`` (1, 1, h, w), ``offsets`` (1, 2K, h, w) or (1, K, 2, h, w),
                optionally ``heatmaps_2x`` (1, K, 2h, 2w).
            stride: input px a px of these maps.
            cues: poses to group by instead of the regressed ones: ground truth for the heatmap quality of Table 4. See
                ``group``.
            scorer: gives people their final scores, as ``scores.Scorer``; None for the naive score.
        """
        heatmaps, heat_stride = fused_heatmaps(outputs, stride)
        found = self.cues(outputs, stride=stride) if cues is None else cues
        return self.group(heatmaps, found, stride=heat_stride, truth=cues is not None, scorer=scorer)

    def people(self, shown: Shown) -> People:
        """The people of an image at one scale or several.

        Of the answers, ``regression`` is the regressed poses alone, and ``heatmap`` the keypoints that the true poses, its
        ``cues``, find in the heatmaps (Table 4). Both keep the naive score, in whose order the released code measures the former.
        """
        several = MultiScale(
            grouper=replace(self, output="regression" if shown.answer == "regression" else "final"),
            several=shown.several,
        )
        scorer = shown.scorer if shown.answer == "final" else None
        return several(shown.scales, stride=shown.stride, described=shown.described, cues=shown.cues, scorer=scorer)

    def with_distances(self, ratio: float) -> GuidedGrouper:
        """The grouper for an input ``ratio`` times as large: its distances in input px are multiplied."""
        return replace(self, radius=self.radius * ratio, same_distance=self.same_distance * ratio)

    def cues(self, outputs: dict[str, Tensor], *, stride: int) -> Cues:
        """The regressed poses of one image, in input px; repeated ones are still among them."""
        centres, offsets = one_image(outputs, "centres").float(), one_image(outputs, "offsets").float()
        return regressed_cues(
            centres,
            offsets,
            stride=stride,
            count=self.max_people,
            threshold=self.threshold,
            kernel=self.centre_kernel,
        )

    def group(
        self, heatmaps: Tensor, cues: Cues, *, stride: int, truth: bool = False, scorer: Scorer | None = None
    ) -> People:
        """Group the candidates of heatmaps (K, H, W) by cues.

        With ``truth`` the cues are ground truth, and Table 4's heatmap quality is measured. The paper says no more than that;
        read here so: repeated cues stay, a keypoint without candidate within the radius goes to the nearest candidate with
        score 0 (keeping the cue would leak the truth), the centre's heat is 1, unlabelled keypoints are left out of the
        score.

        Raises:
            ReproError: when cues and heatmaps differ in the number of keypoints.
        """
        if cues.points.shape[1] != len(heatmaps):
            raise ReproError(
                f"The cues have {cues.points.shape[1]} keypoints, the heatmaps {len(heatmaps)}: they must agree."
            )
        if not truth:
            kept = keep_best(cues.points, cues.scores, distance=self.same_distance, joints=self.same_joints)
            kept = kept[: self.max_people]
            cues = Cues(points=cues.points[kept], scores=cues.scores[kept])
        if not len(cues.scores):
            return no_people(len(heatmaps), heatmaps)
        if self.output == "regression":
            points, heats = cues.points, heat_at(heatmaps, cues.points, stride)
        else:
            points, heats = self._absorbed(heatmaps, cues, stride, truth)
        people = People(points=points, keypoint_scores=heats, scores=naive_scores(heats, cues.scores, cues.labelled))
        if scorer is not None:
            people = People(points=points, keypoint_scores=heats, scores=scorer(people))
        return people.ranked(len(people) if truth else self.max_people)

    def _absorbed(self, heatmaps: Tensor, cues: Cues, stride: int, truth: bool) -> tuple[Tensor, Tensor]:
        """Points (M, K, 2) and heats (M, K) of the grouped and, if so set, fitted candidates."""
        found = keypoint_candidates(
            heatmaps, stride=stride, count=self.candidates, threshold=self.threshold, kernel=self.kernel
        )
        points, heats, absorbed = absorb(
            cues.points, found, heatmaps, stride=stride, radius=self.radius, beyond="nearest" if truth else "cue"
        )
        if not self.adjust:
            return points, heats
        # A cue that found no candidate has no peak to fit; the released code fits there too where the heat suffices.
        chosen = absorbed & (heats * cues.scores[:, None] > self.adjust_above)
        person, joint = chosen.nonzero().unbind(1)
        fitted, heights, _ = fit_gaussians(
            heatmaps, joint, points[person, joint], heats[person, joint], stride=stride, half=self.half_window
        )
        points, heats = points.clone(), heats.clone()
        points[person, joint], heats[person, joint] = fitted, heights
        return points, heats
