"""Keypoint files in COCO's format: COCO, COCO-WholeBody, CrowdPose and any other data set that is kept so.

``read_persons`` reads the persons of an annotation file for top-down methods, ``read_images`` its images with all people for
bottom-up ones, ``check_file`` lists what is wrong with it, all with any skeleton, which ``own_skeleton`` takes from its category
or a TOML; ``read_boxes`` reads a detector's result file.

    skeleton = own_skeleton(Path("annotations/train.json"))
    persons = read_persons(Path("annotations/train.json"), Path("images"), skeleton)
    problems = list(check_file(read_json(path), Path("images"), Rules(skeleton.keypoints), decode=False))
"""

from repro.data.coco_format.boxes import Boxes, read_boxes
from repro.data.coco_format.check import Rules, check_file
from repro.data.coco_format.images import read_images
from repro.data.coco_format.persons import read_persons
from repro.data.coco_format.records import Records, read_json, read_records
from repro.data.coco_format.skeletons import own_skeleton

__all__ = [
    "Boxes",
    "Records",
    "Rules",
    "check_file",
    "own_skeleton",
    "read_boxes",
    "read_images",
    "read_json",
    "read_persons",
    "read_records",
]
