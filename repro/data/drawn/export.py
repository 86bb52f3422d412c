"""Write ``people`` to a folder in the layout of a real data set, for any other toolkit.

| skeleton | layout |
|---|---|
| ``coco17`` | COCO: ``annotations/person_keypoints_{train,val}2017.json``, ``train2017/``, ``val2017/`` |
| ``wholebody133`` | COCO-WholeBody: ``annotations/coco_wholebody_{train,val}_v1.0.json`` beside COCO's images |
| ``crowdpose14`` | CrowdPose: ``json/crowdpose_{train,val}.json`` with ``crowdIndex``, ``images/`` |
| ``mpii16`` | MPII in HRNet's JSON: ``annot/{train,valid}.json``, ``annot/gt_valid.mat``, ``images/`` |

All but MPII's files are in COCO's format and load in pycocotools.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np
from scipy.io import savemat
from tqdm import tqdm

from repro.data.drawn.cache import DrawnImages
from repro.data.drawn.formats import EXPORTED, coco_file, image_name
from repro.data.drawn.load import SceneSet, load_people, load_scenes
from repro.data.drawn.settings import PeopleSettings
from repro.data.persons import PersonSet
from repro.errors import ReproError, choice_error
from repro.geometry import PIXEL_STD
from repro.skeletons.skeleton import MPII16

FILES = {
    "coco17": ("annotations/person_keypoints_{split}2017.json", "{split}2017"),
    "wholebody133": ("annotations/coco_wholebody_{split}_v1.0.json", "{split}2017"),
    "crowdpose14": ("json/crowdpose_{split}.json", "images"),
    "mpii16": ("annot/{split}.json", "images"),
}
FIRST_ID = {
    "train": 1,
    "val": 1_000_001,
    "test": 2_000_001,
}  # image ids of the splits, so that no two files share a name


def export_people(
    root: Path,
    skeleton_name: str = "coco17",
    *,
    kind: str = "scenes",
    counts: dict[str, int],
    size: tuple[int, int] = (512, 512),
    settings: PeopleSettings | None = None,
) -> list[Path]:
    """Write images and annotations.

    Args:
        root: folder to create; files of an earlier export are replaced, those of another data set are not.
        skeleton_name: one of ``FILES``.
        kind: ``scenes`` of several people or images of single ``persons``; MPII's format takes persons only.
        counts: images by split, as in {"train": 1000, "val": 200}.
        size: (width, height) of scenes, or of the network's input that single persons are drawn for.
        settings: difficulty.

    Returns:
        the annotation files.

    Raises:
        ReproError: for an unknown skeleton, split or kind, or when the folder cannot be written or holds another data set.
    """
    if skeleton_name not in FILES:
        raise choice_error("skeleton to export", skeleton_name, FILES)
    if kind not in ("persons", "scenes"):
        raise choice_error("kind of images to export", kind, ("persons", "scenes"))
    if skeleton_name == MPII16.name and kind != "persons":
        raise ReproError("MPII's format is written for single persons only: export mpii16 with kind 'persons'.")
    for split in counts:
        word = "valid" if skeleton_name == MPII16.name and split == "val" else split
        _check_own(Path(root) / FILES[skeleton_name][0].format(split=word))
    written = []
    for split, count in counts.items():
        load: Callable[..., PersonSet | SceneSet] = load_people if kind == "persons" else load_scenes
        data = load(split, skeleton_name, limit=count, size=size, settings=settings)
        try:
            written.append(_write_split(Path(root), split, data))
        except OSError as error:
            raise ReproError(f"The folder {root} cannot be written ({error}): give one that can be.") from error
    return written


def _check_own(path: Path) -> None:
    """Raise ReproError for an annotation file that is there and was not exported: photographs' must not be lost."""
    if not path.exists():
        return
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        own = (
            content["info"]["description"].startswith(EXPORTED)
            if isinstance(content, dict)
            else all("head_box" in entry for entry in content)
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        own = False
    if not own:
        raise ReproError(f"{path} is there and was not exported from here: give another folder, or remove the file.")


def _write_split(root: Path, split: str, data: PersonSet | SceneSet) -> Path:
    """Write the images and the annotation file of one split; returns the file."""
    name, folder = FILES[data.skeleton.name]
    path, images = root / name.format(split=_word(data, split)), root / folder.format(split=split)
    path.parent.mkdir(parents=True, exist_ok=True)
    images.mkdir(parents=True, exist_ok=True)
    shift, drawn = FIRST_ID[split] - 1, cast(DrawnImages, data.images)
    for i in tqdm(range(len(data.images.ids)), desc=f"Writing images ({split})", unit="image", disable=None):
        (images / image_name(int(data.images.ids[i]) + shift)).write_bytes(drawn.jpeg(i))
    if isinstance(data, PersonSet) and data.skeleton.name == MPII16.name:
        content: Any = mpii_entries(data, shift)
        if split == "val":
            savemat(path.parent / "gt_valid.mat", mpii_truth(data))
    else:
        annotations = tuple({**a, "id": a["id"] + shift, "image_id": a["image_id"] + shift} for a in data.annotations)
        crowd = data.crowd_indices if isinstance(data, SceneSet) else np.zeros(len(data.images.ids))
        width, height = (int(v) for v in data.images.sizes[0])
        content = coco_file(
            data.skeleton,
            annotations,
            data.images.ids + shift,
            (width, height),
            crowd if data.skeleton.name == "crowdpose14" else None,
        )
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def _word(data: PersonSet | SceneSet, split: str) -> str:
    """The name of a split in file names: MPII's validation file is called valid."""
    return "valid" if data.skeleton.name == MPII16.name and split == "val" else split


def mpii_entries(persons: PersonSet, shift: int = 0) -> list[dict[str, Any]]:
    """MPII entries as HRNet's ``lib/dataset/mpii.py`` reads them: 1-based joints, centre, and scale = height / 200 px.

    ``head_box`` is added: the two corners x1, y1, x2, y2, 1-based.
    """
    entries = []
    for i in range(len(persons)):
        labelled = persons.visibility[i] > 0
        x, y, width, height = persons.boxes[i].tolist()
        scale = max(width, height) / PIXEL_STD
        hx, hy, hw, hh = persons.annotations[i]["head_box"]
        entries.append(
            {
                "image": image_name(int(persons.image_ids[i]) + shift),
                # HRNet lowers the centre by 15 px of a 200 px person and then subtracts 1
                "center": [x + (width - 1) / 2 + 1, y + (height - 1) / 2 + 1 - 15 * scale],
                "scale": scale,
                "joints": np.where(labelled[:, None], np.round(persons.keypoints[i] + 1, 2), 0).tolist(),
                "joints_vis": labelled.astype(int).tolist(),
                "head_box": [hx + 1, hy + 1, hx + hw + 1, hy + hh + 1],
            }
        )
    return entries


def mpii_truth(persons: PersonSet) -> dict[str, np.ndarray]:
    """The arrays of gt_valid.mat that the official PCKh reads: names, missing joints, joints and head boxes, 1-based."""
    heads = np.array([a["head_box"] for a in persons.annotations]).reshape(-1, 4)
    corners = np.stack([heads[:, :2], heads[:, :2] + heads[:, 2:]], axis=0) + 1  # (2, N, 2)
    return {
        "dataset_joints": np.array([[_mpii_name(n) for n in MPII16.keypoints]], dtype=object),
        "jnt_missing": (persons.visibility.T == 0).astype(np.uint8),
        "pos_gt_src": np.moveaxis(persons.keypoints, 0, 2) + 1,
        "headboxes_src": np.transpose(corners, (0, 2, 1)),
    }


def _mpii_name(name: str) -> str:
    """Short joint names of gt_valid.mat: rank, lkne and so on."""
    side, _, rest = name.partition("_")
    short = {"ankle": "ank", "knee": "kne", "hip": "hip", "wrist": "wri", "elbow": "elb", "shoulder": "sho"}
    return side[0] + short[rest] if rest in short else name
