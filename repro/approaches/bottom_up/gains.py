"""What AP the kinds of errors cost a bottom-up run: the part of the error diagnosis that follows the shares of Fig. 4 of hgr."""

from __future__ import annotations

from repro.approaches.bottom_up.measure import as_results
from repro.approaches.bottom_up.predict import ScenePoses, load_poses
from repro.approaches.bottom_up.samples import as_images
from repro.approaches.samples import Gains, Kept, Samples
from repro.data.images import ImageSet
from repro.metrics.error_gains import error_gains

MOST_IMAGES = 500  # that are corrected: AP is evaluated fifteen times


def gains_of(samples: Samples, run: Kept) -> Gains:
    """AP with each kind of error corrected in the final poses of a complete run; see ``approaches.base``."""
    return scene_gains(as_images(samples.val), load_poses(run))


def scene_gains(images: ImageSet, poses: ScenePoses, most: int = MOST_IMAGES) -> Gains:
    """AP with each kind of error corrected in the people found in the first ``most`` images of a set.

    Args:
        images: the evaluated set.
        poses: the people that were found in it.
        most: how many images take part.
    """
    ids = images.images.ids[: min(most, len(images))]
    chosen = set(ids.tolist())
    truth = [one for one in images.annotations if one["image_id"] in chosen]
    own = poses.image_index < len(ids)
    few = ScenePoses(*(getattr(poses, name)[own] for name in ("image_index", "points", "keypoint_scores", "scores")))
    found = error_gains(truth, ids, as_results(images, few), images.skeleton)
    return {**found, "of": {"images": float(len(ids))}}
