from __future__ import annotations

from dataclasses import replace

import pytest

from repro.data.detections import SIMULATED
from repro.data.drawn.settings import WHOLE_BODY, PeopleSettings
from repro.errors import ReproError
from repro.models.backbones.hrnet import HRNet
from repro.models.backbones.resnet import ResNet
from repro.models.networks import HeatmapNetwork, PartNetwork
from repro.models.offset_networks import OffsetNetwork, TwoBranchNetwork
from repro.models.simple_baseline import DeconvNetwork, IntegralNetwork
from repro.papers.cal.rows import TABLES as CAL
from repro.papers.skeletal.rows import TABLES
from repro.recipe import Data, Initialisation, Optimisation
from repro.scales import scale as scales
from repro.scales.scale import SCALES, Scale, apply_scale, get_scale, input_divisor
from repro.skeletons.skeleton import COCO17
from repro.skeletons.wholebody import WHOLEBODY133

LAPTOP, PAPER = SCALES["laptop"], SCALES["paper"]
DATA = Data(name="coco", train_fingerprint="0" * 16, train_count=4000, val_fingerprint="1" * 16, val_count=800)
ROWS = {f"table {n}, {row}": r.recipe for n, table in TABLES.items() for row, r in table.rows.items()}


def persons(count: int) -> Data:
    """Data with so many training persons."""
    return replace(DATA, train_count=count)


@pytest.mark.parametrize(
    ("scale", "sizes", "divisor"),
    [
        # laptop: 128 x 96 = 12,288 px. 288 x 384 = 110,592 is 9 times that: by 2 it still is 27,648, by 4 it is 6912.
        ("laptop", [(192, 256), (288, 384)], 4),
        ("laptop", [(256, 256)], 4),  # 65,536 / 4 = 16,384, / 16 = 4096
        ("laptop", [(192, 256)], 2),  # 49,152 / 4 = 12,288, just within
        ("laptop", [(96, 128)], 1),
        ("laptop", [(48, 64), (96, 128)], 1),
        ("laptop", [(97, 128)], 2),
        ("smoke", [(256, 256)], 8),  # 64 x 48 = 3072: 65,536 / 16 = 4096, / 64 = 1024
        ("smoke", [(192, 256)], 4),  # 49,152 / 16 = 3072
        ("gpu", [(288, 384)], 2),  # 192 x 144 = 27,648 = 110,592 / 4
        ("gpu", [(192, 256)], 2),
        ("paper", [(288, 384)], 1),
        ("paper", [(4000, 4000)], 1),
    ],
)
def test_the_divisor_is_the_least_power_of_two_that_brings_the_largest_input_within_the_area(scale, sizes, divisor):
    assert input_divisor(SCALES[scale].area, sizes) == divisor
    assert input_divisor(SCALES[scale].area, sizes[::-1]) == divisor


@pytest.mark.parametrize(("width", "small"), [(32, 16), (48, 32), (64, 32), (16, 16), (18, 16), (40, 32)])
def test_the_small_backbone_has_half_the_width_rounded_up_to_sixteen(width, small):
    made = HRNet(width=width).reduced()
    assert made == HRNet(width=small, stem=32, stem_blocks=1, modules=(1, 1, 1), blocks=2)


def test_the_small_backbone_keeps_what_is_not_its_size():
    assert HRNet(multi_scale_stage4=True).reduced().multi_scale_stage4
    assert HRNet(fuse_width=128).reduced().fuse_width == 128


@pytest.mark.parametrize(
    ("depth", "blocks"),
    [
        (50, (1, 1, 2, 1)),  # 3, 4, 6, 3 over four, rounded up
        (101, (1, 1, 6, 1)),  # 23 / 4 = 5.75
        (152, (1, 2, 9, 1)),  # 3, 8, 36, 3
    ],
)
def test_the_small_resnet_has_half_the_width_and_a_quarter_of_the_blocks(depth, blocks):
    assert ResNet(depth=depth).reduced() == ResNet(depth=depth, width=32, blocks=blocks)


@pytest.mark.parametrize(
    ("network", "small"),
    [
        (HeatmapNetwork(), HeatmapNetwork(backbone=HRNet().reduced())),
        (PartNetwork(parts=9), PartNetwork(parts=9, backbone=HRNet().reduced())),
        (OffsetNetwork(), OffsetNetwork(backbone=HRNet().reduced())),
        (TwoBranchNetwork(), TwoBranchNetwork(backbone=HRNet().reduced())),
        (DeconvNetwork(), DeconvNetwork(backbone=ResNet().reduced(), deconv_channels=64)),
        (
            IntegralNetwork(),
            IntegralNetwork(backbone=ResNet(depth=101).reduced(), deconv_channels=32, reduction=128),
        ),
        (
            IntegralNetwork(reduction=None),
            IntegralNetwork(backbone=ResNet(depth=101).reduced(), deconv_channels=32, reduction=None),
        ),
        (PartNetwork(backbone=ResNet()), PartNetwork(backbone=ResNet().reduced(), deconv_channels=64)),
    ],
)
def test_the_layers_after_a_small_resnet_have_a_quarter_of_the_channels(network, small):
    assert network.reduced() == small


@pytest.mark.parametrize(
    ("count", "batch", "epochs"),
    [
        (4000, 32, 15),  # 125 steps of 32 an epoch: 60,000 / 4000
        (12_000, 32, 5),
        (100, 32, 625),  # 3 steps of 32 are 96 crops an epoch: 60,000 / 96 = 625
        (20, 20, 3000),  # fewer persons than a batch make one batch
        (1, 1, 60_000),
        (200_000, 32, 1),  # never none
    ],
)
def test_training_shows_the_scales_crops_whatever_the_size_of_the_data(count, batch, epochs):
    scale = replace(LAPTOP, crops=60_000, drawn_crops=30_000, batch=32)
    made, drawn = (
        apply_scale(ROWS["table 3, hrnet"], scale, divisor=4, data=replace(persons(count), name=name), start="random")
        for name in ("coco", "people")
    )
    assert (made.optimisation.batch, made.optimisation.epochs) == (batch, epochs)
    assert drawn.optimisation.epochs == max(1, round(epochs / 2))
    assert (
        made.optimisation.steps == Optimisation().steps
    )  # shares of training, so the rate falls where the paper's does


def test_paper_scale_changes_nothing():
    for recipe in ROWS.values():
        assert apply_scale(recipe, PAPER, divisor=1, data=DATA) == recipe.but(data=DATA)


@pytest.fixture
def starts(monkeypatch) -> list[tuple]:
    """The start and backbone of each time that initial weights are chosen; they are called after the start."""
    asked = []

    def choose(start: str, backbone: HRNet) -> Initialisation:
        asked.append((start, backbone))
        return Initialisation(name=start, sha256="0" * 64)

    monkeypatch.setattr(scales, "choose_start", choose)
    return asked


@pytest.mark.parametrize("start", ["warm", "random", "hrnet_w32-imagenet"])
def test_networks_start_from_what_is_asked_for_the_reduced_backbone(starts, start):
    made = apply_scale(ROWS["table 2, proposed-w48"], LAPTOP, divisor=4, data=DATA, start=start)
    assert made.initialisation.name == start
    assert starts == [(start, HRNet(width=48).reduced())]


def test_the_paper_scale_knows_no_warm_start(starts):
    for start in ("warm", "random", "hrnet_w32-imagenet"):
        apply_scale(ROWS["table 3, hrnet"], PAPER, divisor=1, data=DATA, start=start)
    assert [start for start, _ in starts] == ["random", "random", "hrnet_w32-imagenet"]


@pytest.mark.parametrize("name", ["smoke", "laptop", "gpu"])
@pytest.mark.parametrize("number", TABLES)
def test_a_scale_keeps_what_distinguishes_the_rows_of_a_table(name, number):
    recipes = {row: r.recipe for row, r in TABLES[number].rows.items()}
    divisor = input_divisor(SCALES[name].area, [r.input.size for r in recipes.values()])
    made = {
        row: apply_scale(recipe, SCALES[name], divisor=divisor, data=DATA, start="random")
        for row, recipe in recipes.items()
    }
    assert len({recipe.key for recipe in made.values()}) == len(recipes)
    for row, recipe in recipes.items():
        # encoder (sigma), loss, decoder (N) and the kind of network stay as printed; sizes keep their ratios
        parts = ("encoder", "loss", "decoder")
        assert all(getattr(made[row].method, p) == getattr(recipe.method, p) for p in parts)
        assert type(made[row].method.network) is type(recipe.method.network)
        assert made[row].augmentation == recipe.augmentation and made[row].evaluation == recipe.evaluation
        assert tuple(n * divisor for n in made[row].input.size) == recipe.input.size
    widths = {r.method.network.backbone.width: made[row].method.network.backbone.width for row, r in recipes.items()}
    assert len(set(widths.values())) == len(widths)


def test_inputs_stay_multiples_of_four_and_maps_large_enough_for_weighted_inference():
    for name, table in ((name, table) for name in ("smoke", "laptop", "gpu") for table in TABLES.values()):
        sizes = [row.recipe.input.size for row in table.rows.values()]
        divisor = input_divisor(SCALES[name].area, sizes)
        for width, height in sizes:
            small = (width // divisor, height // divisor)
            assert small[0] % 4 == small[1] % 4 == 0
            assert small[0] // 4 * (small[1] // 4) >= 20


def test_settings_that_a_scale_leaves_open_stay_the_recipes():
    plain = Scale(name="plain", description="changes nothing but the number of crops", crops=8000)
    recipe = ROWS["table 3, hrnet"].but(optimisation=Optimisation(batch=100, warm_up=7, precision="bfloat16"))
    made = apply_scale(recipe, plain, divisor=1, data=DATA).optimisation
    assert made == Optimisation(batch=100, warm_up=7, precision="bfloat16", epochs=2)


def test_an_unknown_scale_is_refused_with_those_there_are():
    assert get_scale("smoke") is SCALES["smoke"]
    with pytest.raises(ReproError, match="Unknown scale 'big': choose one of smoke, laptop, gpu, paper."):
        get_scale("big")


@pytest.mark.parametrize(
    ("data", "scale", "boxes", "expected"),
    [
        ("coco", "laptop", None, SIMULATED),
        ("coco", "laptop", "detections-0", "detections-0"),
        ("coco", "paper", None, "detector"),  # which the command refuses: a file has to be given
        ("coco", "paper", "detections-0", "detections-0"),
        ("people", "paper", None, SIMULATED),
        ("lspet", "paper", None, SIMULATED),
    ],
)
def test_boxes_of_a_detector_are_those_of_a_file_or_simulated(data, scale, boxes, expected):
    own = {"divisor": 1, "data": replace(DATA, name=data), "start": "random", "boxes": boxes}
    detected = CAL[1].rows["hrnet-w32-128x96"].recipe
    assert apply_scale(detected, SCALES[scale], **own).evaluation.boxes == expected
    true = CAL[8].rows["hrnet-w32-128x96"].recipe
    assert apply_scale(true, SCALES[scale], **own).evaluation.boxes == "truth"


def test_a_table_can_be_shorter_than_its_scale() -> None:
    short = LAPTOP.lengthened(0.6)
    assert (short.crops, short.drawn_crops, short.scenes.crops) == (72_000, 14_400, 9600)
    assert short.lengthened(1 / 0.6) == LAPTOP
    for scale in (SCALES["smoke"], SCALES["gpu"], PAPER):  # seconds, a GPU, the papers' epochs
        assert scale.lengthened(0.6) is scale


def test_a_scale_has_settings_for_whole_bodies() -> None:
    assert LAPTOP.for_skeleton(COCO17) is LAPTOP
    whole = LAPTOP.for_skeleton(WHOLEBODY133)
    assert (whole.people, whole.drawn_crops, whole.batch, whole.learning_rate) == (WHOLE_BODY, 16_000, 8, 1e-3)
    assert whole.for_skeleton(WHOLEBODY133) == whole
    fast = Scale(name="fast", description="", batch=8, learning_rate=2e-3).for_skeleton(WHOLEBODY133)
    assert (fast.batch, fast.learning_rate) == (8, 2e-3)
    paper = PAPER.for_skeleton(WHOLEBODY133)
    assert paper == replace(PAPER, people=replace(PeopleSettings(), close_up=WHOLE_BODY.close_up))


def test_a_warm_up_takes_a_share_of_short_trainings_at_most():
    data = Data(name="people", train_fingerprint="t", train_count=1280, val_fingerprint="v", val_count=8)
    recipe = TABLES[1].rows["hrnet-w32-256x192"].recipe
    scale = replace(SCALES["gpu"], drawn_crops=2560)  # two epochs of 10 steps of 128, of which a twentieth is one step
    made = apply_scale(recipe, scale, divisor=1, data=data, start="random").optimisation
    assert (made.epochs, made.batch, made.warm_up, made.counted_in) == (2, 128, 1, "steps")
    longer = apply_scale(recipe, replace(scale, drawn_crops=10**6), divisor=1, data=data, start="random")
    assert longer.optimisation.warm_up == 200
    laptop = apply_scale(recipe, SCALES["laptop"], divisor=1, data=data, start="random").optimisation
    assert (laptop.warm_up, laptop.counted_in) == (200, "epochs")
