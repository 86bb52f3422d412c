"""COCO's test-dev 2017: 20,288 images whose labels are not public, as rows that are printed on it are predicted on them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from repro.data.coco_format.persons import persons_of
from repro.data.coco_format.records import read_image_list
from repro.data.images import ImageSet, people_columns
from repro.data.persons import ImageFiles, PersonSet
from repro.errors import ReproError
from repro.skeletons.skeleton import COCO17

LIST = Path("annotations") / "image_info_test-dev2017.json"
FOLDERS = (Path("test2017"), Path("images") / "test2017")
BOXES = Path("person_detection_results") / "COCO_test-dev2017_detections_AP_H_609_person.json"


@dataclass(frozen=True)
class TestDev:
    """Where test-dev lies.

    Args:
        images: the list of its images.
        folder: the folder that these lie in.
        boxes: a detector's persons in them, which top-down methods need; None where there is no such file.
    """

    __test__ = False  # its name is no test's

    images: Path
    folder: Path
    boxes: Path | None = None

    def image_set(self) -> ImageSet:
        """The images, without people. Raises ReproError for a list that cannot be read."""
        records = read_image_list(self.images, len(COCO17))
        paths = tuple(self.folder / name for name in records.names)
        return ImageSet(
            skeleton=COCO17,
            images=ImageFiles(paths, records.ids, records.sizes),
            crowd_indices=None,
            ignored={},
            **people_columns([], np.zeros(0, dtype=np.int64), COCO17),
        )

    def persons(self) -> PersonSet:
        """The detector's boxes. Raises ReproError where there are none, or for a file that cannot be read."""
        if self.boxes is None:
            raise ReproError(
                f"A detector's boxes in test-dev are missing: expected {BOXES.name} in {BOXES.parent.name}/ of the data set."
            )
        records = read_image_list(self.images, len(COCO17))
        return persons_of(records, self.folder, COCO17, boxes=self.boxes, look=False)


def find_test_dev(root: Path | None) -> TestDev | None:
    """Test-dev in a folder of COCO; None where its list or its images are not there."""
    if root is None or not (root / LIST).is_file():
        return None
    folder = next((root / one for one in FOLDERS if (root / one).is_dir()), None)
    boxes = root / BOXES
    return None if folder is None else TestDev(root / LIST, folder, boxes if boxes.is_file() else None)
