"""Where ImageNet weights, published pose weights and those of detectors lie.

The names of torchvision's and of MMPose's files end in the first eight hexadecimal digits of their SHA-256. HRNet's ImageNet
files have such endings too, but nothing says that these are of a SHA-256, so they are not held against it.
"""

from __future__ import annotations

import re

from repro.fetch.items import Bundle, Item

_MMPOSE = "https://download.openmmlab.com/mmpose"
_MMPOSE_PAGE = "https://github.com/open-mmlab/mmpose"
_HRNET = "https://github.com/leoxiaobin/deep-high-resolution-net.pytorch#installation"
_HIGHER = "https://github.com/HRNet/HigherHRNet-Human-Pose-Estimation#installation"
_GUIDED = "https://github.com/HRNet/HRNet-Bottom-Up-Pose-Estimation#installation"
_README = "page and file name from the authors' README; size and checksum not published"


def _of_name(file: str) -> str:
    """The checksum that a file's name carries."""
    found = re.search(r"-([0-9a-f]{8})(_[0-9]{8})?\.pth$", file)
    assert found, file
    return f"sha256:{found[1]}"


def _torchvision(name: str, what: str, file: str, mebibytes: float, *, terms: str, page: str) -> Item:
    return Item(
        name,
        f"{what} (torchvision, V1)",
        file,
        f"code BSD 3-Clause; {terms}",
        "address and size from torchvision's source, checksum from the file's name",
        f"https://download.pytorch.org/models/{file}",
        f"https://docs.pytorch.org/vision/stable/models/generated/torchvision.models.{page}.html",
        about=round(mebibytes * 2**20),
        checksum=_of_name(file),
    )


def _resnet(depth: int, file: str, mebibytes: float) -> Item:
    what, page = f"ResNet-{depth} trained on ImageNet", f"resnet{depth}"
    return _torchvision(f"resnet{depth}-imagenet", what, file, mebibytes, terms="ImageNet's terms", page=page)


def _detector(network: str, what: str, file: str, mebibytes: float) -> Item:
    page = f"detection.{network}_resnet50_fpn"
    return _torchvision(f"{network}-coco", what, file, mebibytes, terms="COCO's terms", page=page)


def _start(width: int, file: str) -> Item:
    return Item(
        f"hrnet-w{width}-imagenet",
        f"HRNet-W{width} trained on ImageNet",
        file,
        "code MIT; ImageNet's terms",
        "address from MMPose's configurations; size and checksum not published",
        f"{_MMPOSE}/pretrain_models/{file}",
        _HRNET,
    )


def _mmpose(path: str, what: str) -> Item:
    file = path.rpartition("/")[2]
    return Item(
        "mmpose-" + re.sub(r"-[0-9a-f]{8}(_[0-9]{8})?\.pth$", "", file),
        f"{what}, trained by MMPose",
        file,
        "Apache-2.0",
        "address from MMPose's documentation, checksum from the file's name; size not published",
        f"{_MMPOSE}/{path}",
        _MMPOSE_PAGE,
        checksum=_of_name(file),
    )


def _by_hand(file: str, what: str, page: str, place: str, *, size: int | None = None, checksum: str = "") -> Item:
    name = re.sub(r"[._]", "-", f"{place}-{file.removesuffix('.pth')}")
    checked = (
        _README if not checksum else "page and file name from the authors' README; checksum from public repositories"
    )
    return Item(name, what, file, "MIT", checked, page=page, size=size, checksum=checksum, place=place)


IMAGENET = (
    _start(32, "hrnet_w32-36af842e.pth"),
    _start(48, "hrnet_w48-8ef0771d.pth"),
    _resnet(50, "resnet50-0676ba61.pth", 97.781),
    _resnet(101, "resnet101-63fe2227.pth", 170.511),
    _resnet(152, "resnet152-394f9c45.pth", 230.434),
)
DETECTORS = (
    _detector("keypointrcnn", "Keypoint R-CNN trained on COCO", "keypointrcnn_resnet50_fpn_coco-fc266e95.pth", 226.054),
    _detector("fasterrcnn", "Faster R-CNN trained on COCO", "fasterrcnn_resnet50_fpn_coco-258fb6c6.pth", 159.743),
)
_V1 = "v1/body_2d_keypoint/topdown_heatmap/coco"
MMPOSE = (
    _mmpose(f"{_V1}/td-hm_hrnet-w32_8xb64-210e_coco-256x192-81c58e40_20220909.pth", "HRNet-W32 on COCO at 256x192"),
    _mmpose(f"{_V1}/td-hm_hrnet-w32_8xb64-210e_coco-384x288-ca5956af_20220909.pth", "HRNet-W32 on COCO at 384x288"),
    _mmpose(f"{_V1}/td-hm_hrnet-w48_8xb32-210e_coco-256x192-0e67c616_20220913.pth", "HRNet-W48 on COCO at 256x192"),
    _mmpose(f"{_V1}/td-hm_hrnet-w48_8xb32-210e_coco-384x288-c161b7de_20220915.pth", "HRNet-W48 on COCO at 384x288"),
    _mmpose("top_down/resnet/res50_coco_256x192-ec54d7f3_20200709.pth", "SimpleBaseline R50 on COCO at 256x192"),
    _mmpose("top_down/resnet/res50_coco_384x288-e6f795e9_20200709.pth", "SimpleBaseline R50 on COCO at 384x288"),
    _mmpose("top_down/resnet/res101_coco_256x192-6e6babf0_20200708.pth", "SimpleBaseline R101 on COCO at 256x192"),
    _mmpose("top_down/resnet/res101_coco_384x288-8c71bdc9_20200709.pth", "SimpleBaseline R101 on COCO at 384x288"),
    _mmpose("top_down/resnet/res152_coco_256x192-f6e307c2_20200709.pth", "SimpleBaseline R152 on COCO at 256x192"),
    _mmpose("top_down/resnet/res152_coco_384x288-3860d4c9_20200709.pth", "SimpleBaseline R152 on COCO at 384x288"),
    _mmpose("bottom_up/higher_hrnet32_coco_512x512-8ae85183_20200713.pth", "HigherHRNet-W32 on COCO at 512x512"),
    _mmpose("bottom_up/higher_hrnet32_coco_640x640-a22fe938_20200712.pth", "HigherHRNet-W32 on COCO at 640x640"),
    _mmpose("bottom_up/higher_hrnet48_coco_512x512-60fedcbc_20200712.pth", "HigherHRNet-W48 on COCO at 512x512"),
)
_KNOWN = {
    "pose_hrnet_w32_256x192.pth": (
        114_721_619,
        "sha256:19bc083708bb8d873211e50d85d56344c10290c6e8b564c813fdde09645c4c1c",
    ),
    "pose_hrnet_w48_384x288.pth": (
        255_061_287,
        "sha256:95e0fec3194826d5e3f806ea89be68bbb84517b114c3a32b3058c56610b5ef61",
    ),
}


def _official() -> tuple[Item, ...]:
    items = []
    for network in ("hrnet_w32", "hrnet_w48", "resnet_50", "resnet_101", "resnet_152"):
        for data, place, sizes in (
            ("COCO", "pose_coco", ("256x192", "384x288")),
            ("MPII", "pose_mpii", ("256x256",)),
        ):
            for at in sizes:
                file = f"pose_{network}_{at}.pth"
                size, checksum = _KNOWN.get(file, (None, ""))
                what = f"{network} on {data} at {at}, of HRNet's authors"
                items.append(_by_hand(file, what, _HRNET, place, size=size, checksum=checksum))
    return tuple(items)


_GUIDED_NAMES = (
    "pose_hrnet_w32_reg_delaysep_bg01_stn_512_adam_lr1e-3",
    "pose_hrnet_w48_reg_delaysep_bg01_stn_640_adam_lr1e-3",
    "pose_higher_hrnet_w48_reg_delaysep_bg01_0025_stn_640_adam_lr1e-3",
)
_RELEASED = (
    *(
        _by_hand(f"{name}_{data}_{times}.pth", f"heatmap-guided network on {data}", _GUIDED, f"pose_{data}")
        for data, times in (("coco", "x140"), ("crowdpose", "x300"))
        for name in _GUIDED_NAMES
    ),
    _by_hand("final_rescore_coco_kpt.pth", "its scoring network on COCO", _GUIDED, "rescore"),
    _by_hand("final_rescore_crowd_pose_kpt.pth", "its scoring network on CrowdPose", _GUIDED, "rescore"),
)
_HIGHER_ITEMS = (_by_hand("pose_higher_hrnet_w32_512.pth", "HigherHRNet-W32 on COCO at 512x512", _HIGHER, "pose_coco"),)

WEIGHTS = (
    Bundle(
        "imagenet-weights",
        "backbones trained on ImageNet, which the papers start from",
        IMAGENET,
        "STARTS={root} starts each row from the file of its backbone; START={root}/hrnet_w32-36af842e.pth all rows from one.",
    ),
    Bundle(
        "detector-weights",
        "detectors of people, for `repro predict --boxes detector`; one of them is enough",
        DETECTORS,
        "`repro predict` looks for them in ~/.cache/torch/hub/checkpoints ($TORCH_HOME/hub/checkpoints where that is set): copy "
        "them from {root} to there, on the machine that predicts.",
    ),
    Bundle(
        "mmpose-weights",
        "HRNet, SimpleBaseline and HigherHRNet of MMPose",
        MMPOSE,
        "WEIGHTS=<row>={root}/<file> evaluates a row with one of them.",
    ),
    Bundle(
        "hrnet-weights",
        "HRNet and SimpleBaseline of HRNet's authors",
        _official(),
        "The weights belong below {root}; WEIGHTS=<row>={root}/<file> evaluates a row with one.",
    ),
    Bundle(
        "hgr-weights",
        "the heatmap-guided networks as released",
        _RELEASED,
        "The weights belong below {root}; WEIGHTS=<row>={root}/<file> evaluates a row with one.",
    ),
    Bundle(
        "higher-hrnet-weights",
        "HigherHRNet of its authors",
        _HIGHER_ITEMS,
        "The weights belong below {root}; WEIGHTS=<row>={root}/<file> evaluates a row with one.",
    ),
)
