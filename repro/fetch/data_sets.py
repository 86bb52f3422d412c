"""Where the data sets lie.

COCO's own host has no valid certificate for https; the same files are read through the path of their bucket, which has one.
COCO publishes no checksums: those below are stated alike by many public repositories.
"""

from __future__ import annotations

from repro.fetch.items import Bundle, Item

_BUCKET = "https://s3.amazonaws.com/images.cocodataset.org"
_COCO_PAGE = "https://cocodataset.org/#download"
_PHOTOGRAPHS = "photographs: Flickr's terms, a licence each"
_LABELS = "annotations: CC BY 4.0"
_STATED = "address, size and checksum stated alike by several public repositories"
_README = "page and file name from the authors' README; size and checksum not published"
_HRNET = "https://github.com/leoxiaobin/deep-high-resolution-net.pytorch#data-preparation"
_CROWDPOSE = "https://github.com/Jeff-sjtu/CrowdPose#dataset"
_WHOLE_BODY = "https://github.com/jin-s13/COCO-WholeBody#download"


def _coco(name: str, what: str, path: str, licence: str, size: int | None, checksum: str, grows: int = 2) -> Item:
    checked = _STATED if size else "address and checksum stated alike by several public repositories; size not known"
    file = path.rpartition("/")[2]
    return Item(
        name, what, file, licence, checked, f"{_BUCKET}/{path}", _COCO_PAGE, size, None, checksum, "", True, grows
    )


TRAIN_IMAGES = _coco(
    "coco-train-images",
    "118,287 images of COCO train 2017",
    "zips/train2017.zip",
    _PHOTOGRAPHS,
    19_336_861_798,
    "sha256:69a8bb58ea5f8f99d24875f21416de2e9ded3178e903f1f7603e283b9e06d929",
)
VAL_IMAGES = _coco(
    "coco-val-images",
    "5,000 images of COCO val 2017",
    "zips/val2017.zip",
    _PHOTOGRAPHS,
    815_585_330,
    "sha256:4f7e2ccb2866ec5041993c9cf2a952bbed69647b115d0f74da7ce8f4bef82f05",
)
ANNOTATIONS = _coco(
    "coco-annotations",
    "annotations of COCO train and val 2017",
    "annotations/annotations_trainval2017.zip",
    _LABELS,
    252_907_541,
    "sha256:113a836d90195ee1f884e704da6304dfaaecff1f023f49b6ca93c4aaae470268",
    grows=8,
)
TEST_INFO = _coco(
    "coco-test-info",
    "image lists of COCO test and test-dev 2017",
    "annotations/image_info_test2017.zip",
    _LABELS,
    None,
    "md5:85da7065e5e600ebfee8af1edb634eb5",
    grows=40,
)
TEST_IMAGES = _coco(
    "coco-test-images",
    "40,670 images of COCO test 2017, for test-dev",
    "zips/test2017.zip",
    _PHOTOGRAPHS,
    6_646_970_404,
    "md5:77ad2c53ac5d0aea611d422c0938fb35",
)


def _by_hand(name: str, what: str, file: str, licence: str, page: str, place: str, *, about: int | None = None) -> Item:
    return Item(name, what, file, licence, _README, page=page, about=about, place=place)


_BOXES = (
    _by_hand(
        "coco-val-boxes",
        "a detector's persons on val 2017 (56.4 AP), for BOXES=",
        "COCO_val2017_detections_AP_H_56_person.json",
        "none stated",
        _HRNET,
        "person_detection_results",
    ),
    _by_hand(
        "coco-test-dev-boxes",
        "a detector's persons on test-dev 2017 (60.9 AP)",
        "COCO_test-dev2017_detections_AP_H_609_person.json",
        "none stated",
        _HRNET,
        "person_detection_results",
    ),
)
_WHOLE = tuple(
    _by_hand(
        f"coco-wholebody-{split}",
        f"annotations of COCO-WholeBody 1.0, {split}",
        f"coco_wholebody_{split}_v1.0.json",
        "research and non-commercial use",
        _WHOLE_BODY,
        "annotations",
    )
    for split in ("train", "val")
)
_CROWDED = (
    _by_hand(
        "crowdpose-images",
        "20,000 images of CrowdPose: unpack it by hand as well",
        "images.zip",
        "none stated",
        _CROWDPOSE,
        "",
    ),
    *(
        _by_hand(
            f"crowdpose-{split}",
            f"annotations of CrowdPose, {split}",
            f"crowdpose_{split}.json",
            "none stated",
            _CROWDPOSE,
            "annotations",
        )
        for split in ("train", "val", "test")
    ),
)
_MPII_IMAGES = Item(
    "mpii-images",
    "about 25,000 images of MPII Human Pose",
    "mpii_human_pose_v1.tar.gz",
    "research only, no commercial use",
    "address and checksum stated alike by three public repositories, size from the authors' page",
    "https://datasets.d2.mpi-inf.mpg.de/andriluka14cvpr/mpii_human_pose_v1.tar.gz",
    "http://human-pose.mpi-inf.mpg.de/#download",
    about=12_900_000_000,
    checksum="md5:b6bc9c6869d3f035a5570b2e68ec84c4",
    unpack=True,
)
_MPII_LABELS = tuple(
    _by_hand(
        f"mpii-{file.replace('.', '-').replace('_', '-')}",
        f"{what} of MPII in HRNet's form",
        file,
        "none stated",
        _HRNET,
        "annot",
    )
    for file, what in (
        ("train.json", "training annotations"),
        ("valid.json", "validation annotations"),
        ("gt_valid.mat", "ground truth for PCKh"),
    )
)


def _leeds(name: str, what: str, page: str) -> Item:
    return Item(
        f"{name}-archive",
        what,
        f"{name}_dataset.zip",
        "none stated; the authors ask to be cited",
        "address from public repositories, some of which report it dead; size and checksum not published",
        f"https://sam.johnson.io/research/{name}_dataset.zip",
        page,
        unpack=True,
    )


_CHECK = "repro data check {0} --root {{root}}\nmake reproduce PAPER={1} DATA={0} DATA_ROOT={{root}}"

DATA_SETS = (
    Bundle(
        "coco",
        "COCO 2017 keypoints: train, val and the lists of test-dev",
        (ANNOTATIONS, TEST_INFO, VAL_IMAGES, TRAIN_IMAGES, *_BOXES),
        _CHECK.format("coco", "skeletal TABLE=1"),
    ),
    Bundle(
        "coco-test-dev",
        "COCO 2017 test images and the lists of test-dev",
        (TEST_INFO, TEST_IMAGES),
        "The images lie in {root}/test2017, the list in {root}/annotations/image_info_test-dev2017.json.",
    ),
    Bundle(
        "coco-wholebody",
        "COCO 2017 images with COCO-WholeBody's annotations",
        (*_WHOLE, VAL_IMAGES, TRAIN_IMAGES),
        _CHECK.format("coco-wholebody", "fowkal TABLE=2"),
    ),
    Bundle("crowdpose", "CrowdPose", _CROWDED, _CHECK.format("crowdpose", "hgr TABLE=5")),
    Bundle("mpii", "MPII Human Pose", (*_MPII_LABELS, _MPII_IMAGES), _CHECK.format("mpii", "skeletal TABLE=2")),
    Bundle(
        "lspet",
        "Leeds Sports Pose Extended",
        (_leeds("lspet", "10,000 images and joints", "https://sam.johnson.io/research/lspet.html"),),
        _CHECK.format("lspet", "skeletal TABLE=3"),
    ),
    Bundle(
        "lsp",
        "Leeds Sports Pose, which no table reads",
        (_leeds("lsp", "2,000 images and joints", "https://sam.johnson.io/research/lsp.html"),),
        "The images and joints.mat lie in {root}.",
    ),
)
