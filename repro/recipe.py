"""A recipe: everything that determines a run's numbers, frozen, to JSON and back, with a hash for its identity.

A recipe has two parts. What is trained (data, network, targets, loss, input, augmentation, optimisation, initialisation,
seed) and how it is evaluated (decoder and protocol). Rows that differ in the second part alone share a training.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Annotated, Any, Literal, cast

from repro import parts
from repro.data.augment import Augmentation
from repro.data.crops import Input
from repro.data.scene_augment import SceneAugmentation
from repro.data.scene_batches import SceneInput
from repro.decoders.dark import Dark
from repro.decoders.integral import SoftArgmax
from repro.decoders.offset import OffsetDecoder
from repro.decoders.peaks import Argmax, QuarterOffset
from repro.decoders.udp_dark import UdpDark
from repro.decoders.weighted import WeightedInference
from repro.encoders.centernet import CenterNetTargets
from repro.encoders.centre_offsets import GuidedTargets
from repro.encoders.coordinates import Coordinates
from repro.encoders.gaussian import GaussianHeatmap
from repro.encoders.offsets import OffsetField
from repro.encoders.parts import PartMap
from repro.encoders.skeletal import SkeletalHeatmap
from repro.encoders.tags import AssociativeTargets
from repro.encoders.whole_body import WholeBodyHeatmap
from repro.errors import ReproError
from repro.grouping.centernet import CenterNetGrouper
from repro.grouping.guided import GuidedGrouper
from repro.grouping.scores import ScoringTraining
from repro.grouping.tags import TagGrouper
from repro.losses.centernet import CenterNetLoss
from repro.losses.centre_regression import GuidedLoss
from repro.losses.integral import JointL1
from repro.losses.keypoint_adaptive import HeuristicPartLoss, KeypointAdaptiveLoss, UniformHeatmapLoss
from repro.losses.mse import HeatmapMSE, SkeletalLoss
from repro.losses.offsets import DetectionOffsetLoss, UdpLoss, WeightedOffsetLoss
from repro.losses.parts import PartCrossEntropy
from repro.losses.tags import AssociativeLoss
from repro.models.backbones.base import Backbone
from repro.models.centernet import CenterNetwork
from repro.models.guided import GuidedHigherNetwork, GuidedNetwork
from repro.models.higher import HigherNetwork
from repro.models.networks import HeatmapNetwork, PartNetwork, SkeletalNetwork
from repro.models.offset_networks import OffsetNetwork, TwoBranchNetwork
from repro.models.simple_baseline import DeconvNetwork, IntegralNetwork
from repro.models.whole_body import AdaptiveFactorNetwork
from repro.skeletons.skeleton import Skeleton
from repro.support import serial
from repro.support.foreign import is_foreign
from repro.support.protocols import misfit
from repro.support.serial import Open

# Raise this when a change of the code alters the numbers of recipes that stay the same: recipes made from then on carry it and
# have other keys. The default of ``Recipe.revision`` stays 1, because defaults are left out of keys.
REVISION = 1

# The parts of this package that a method can be made of; a recipe names them by their bare names, and parts of other packages as
# ``module:Class``.
NETWORKS = (
    HeatmapNetwork,
    SkeletalNetwork,
    PartNetwork,
    OffsetNetwork,
    TwoBranchNetwork,
    DeconvNetwork,
    IntegralNetwork,
    AdaptiveFactorNetwork,
    GuidedNetwork,
    GuidedHigherNetwork,
    HigherNetwork,
    CenterNetwork,
)
PERSON_ENCODERS = (GaussianHeatmap, SkeletalHeatmap, PartMap, OffsetField, Coordinates, WholeBodyHeatmap)
SCENE_ENCODERS = (GuidedTargets, AssociativeTargets, CenterNetTargets)
LOSSES = (
    HeatmapMSE,
    SkeletalLoss,
    PartCrossEntropy,
    UdpLoss,
    DetectionOffsetLoss,
    WeightedOffsetLoss,
    JointL1,
    UniformHeatmapLoss,
    HeuristicPartLoss,
    KeypointAdaptiveLoss,
    GuidedLoss,
    AssociativeLoss,
    CenterNetLoss,
)
PERSON_DECODERS = (Argmax, QuarterOffset, Dark, UdpDark, WeightedInference, OffsetDecoder, SoftArgmax)
GROUPERS = (GuidedGrouper, TagGrouper, CenterNetGrouper)

Network = Annotated[parts.Network, Open(NETWORKS, (parts.Network,))]
PersonEncoder = Annotated[parts.PersonEncoder, Open(PERSON_ENCODERS, (parts.PersonEncoder,))]
SceneEncoder = Annotated[parts.SceneEncoder, Open(SCENE_ENCODERS, (parts.SceneEncoder,))]
Encoder = Annotated[
    parts.PersonEncoder | parts.SceneEncoder,
    Open(PERSON_ENCODERS + SCENE_ENCODERS, (parts.PersonEncoder, parts.SceneEncoder)),
]
Loss = Annotated[parts.Loss, Open(LOSSES, (parts.Loss,))]
PersonDecoder = Annotated[parts.PersonDecoder, Open(PERSON_DECODERS, (parts.PersonDecoder,))]
Grouper = Annotated[parts.Grouper, Open(GROUPERS, (parts.Grouper,))]
Decoder = Annotated[
    parts.PersonDecoder | parts.Grouper, Open(PERSON_DECODERS + GROUPERS, (parts.PersonDecoder, parts.Grouper))
]


@dataclass(frozen=True, kw_only=True)
class Data:
    """The samples, by name and content; where they lie on a machine does not matter. Bottom-up methods count images as samples.

    Args:
        name: the name of the data set.
        train_fingerprint: the fingerprint of the training persons' labels and boxes.
        train_count: number of training persons.
        val_fingerprint: the fingerprint of the evaluation persons.
        val_count: number of evaluation persons.
        drawn: fingerprint of the settings that persons are drawn with; None for photographs.
        skeleton: the skeleton of somebody's own keypoints; None for that of the named data set, or of drawn people.
    """

    name: str
    train_fingerprint: str
    train_count: int
    val_fingerprint: str
    val_count: int
    drawn: str | None = None
    skeleton: Skeleton | None = None


def _misplaced(part: str, given: object, wanted: str) -> ReproError:
    """The error for a part of a recipe of the other approach."""
    return ReproError(
        f"The recipe's {part} is {type(given).__name__}, which is not made for {wanted}: choose parts of one approach, top-down "
        "with crops of persons or bottom-up with whole images."
    )


@dataclass(frozen=True, kw_only=True)
class Method:
    """A method: encoder, network, loss and decoder; a bottom-up method's decoder groups. ``but`` exchanges parts.

    Raises:
        ReproError: for a part that does not fit the protocol of its kind, see ``repro.parts``.
    """

    encoder: Encoder
    network: Network
    loss: Loss
    decoder: Decoder

    def __post_init__(self) -> None:
        serial.check_parts(self)
        for name in ("encoder", "network", "loss", "decoder"):
            if getattr(self, name) is None:
                raise ReproError(f"{name} of Method is None: a method has all four parts.")
        for name, part in (("network", self.network), ("decoder", self.decoder)):
            if is_foreign(part) and (why := parts.misdescribed(part)):
                raise ReproError(f"{name} of Method is {type(part).__name__}, which does not fit there, because {why}.")
        backbone = self.network.backbone
        if type(self.network) not in NETWORKS and (why := misfit(backbone, Backbone)):
            network, given = type(self.network).__name__, type(backbone).__name__
            raise ReproError(f"backbone of {network} is {given}, which does not fit there, because {why}.")

    def but(self, **exchanged: Any) -> Method:
        """This method with some parts exchanged, as an ablation words it."""
        return replace(self, **exchanged)

    @property
    def person_encoder(self) -> PersonEncoder:
        """The encoder of a top-down method. Raises ReproError for that of a bottom-up one."""
        if misfit(self.encoder, parts.PersonEncoder):
            raise _misplaced("encoder", self.encoder, "points of single persons")
        return cast(PersonEncoder, self.encoder)

    @property
    def scene_encoder(self) -> SceneEncoder:
        """The encoder of a bottom-up method. Raises ReproError for that of a top-down one."""
        if misfit(self.encoder, parts.SceneEncoder):
            raise _misplaced("encoder", self.encoder, "all people of an image")
        return cast(SceneEncoder, self.encoder)

    @property
    def person_decoder(self) -> PersonDecoder:
        """The decoder of a top-down method. Raises ReproError for a grouper."""
        if not misfit(self.decoder, parts.Grouper):  # it may be called with maps of single persons too
            raise _misplaced("decoder", self.decoder, "maps of single persons")
        return cast(PersonDecoder, self.decoder)

    @property
    def grouper(self) -> Grouper:
        """The decoder of a bottom-up method. Raises ReproError for one of single persons."""
        if misfit(self.decoder, parts.Grouper):
            raise _misplaced("decoder", self.decoder, "maps of whole images")
        return cast(Grouper, self.decoder)


@dataclass(frozen=True, kw_only=True)
class Optimisation:
    """Adam with a warm-up and steps, as in HRNet.

    Args:
        epochs: passes over the training persons.
        batch: persons a step, over all processes.
        learning_rate: the rate of Adam.
        steps: shares of the training after which the rate is multiplied by ``gamma``; HRNet's 170 and 200 of 210 epochs.
        counted_in: what these shares are rounded to: whole ``epochs``, or optimiser ``steps``, for trainings of few epochs.
        gamma: the factor.
        warm_up: optimiser steps over which the rate rises linearly from 0.1 % of its value; 0 for none.
        weight_decay: L2 term of Adam. HRNet's files state 1e-4, but its code creates Adam without; so 0.
        precision: the precision of forward and backward passes: ``float32``, or ``bfloat16`` for autocast where the device has
            it natively and float32 elsewhere, see ``training.precision``.
    """

    epochs: int = 210
    batch: int = 128
    learning_rate: float = 1e-3
    steps: tuple[float, ...] = (170 / 210, 200 / 210)
    gamma: float = 0.1
    warm_up: int = 0
    weight_decay: float = 0.0
    precision: Literal["float32", "bfloat16"] = "float32"
    counted_in: Literal["epochs", "steps"] = "epochs"


@dataclass(frozen=True, kw_only=True)
class SecondStage:
    """A second stage of training, which goes on from the end of the first with another loss.

    Weights and Adam's moments are carried over, the learning rate stays where the first stage's schedule has left it, and
    epochs count on. Recipes that differ in their second stage alone share the training of the first.

    Args:
        loss: the loss of the second stage.
        epochs: passes over the training persons.
    """

    loss: Loss
    epochs: int = 40

    def __post_init__(self) -> None:
        serial.check_parts(self)


@dataclass(frozen=True, kw_only=True)
class Initialisation:
    """Weights that training starts from, named by what they are, not by where they lie.

    Args:
        name: the name of the weights.
        sha256: the SHA-256 of their file.
        size: root mean square that the weights of each convolution before a batch normalisation are brought to, see
            ``models.weight_scale``; None leaves them as they are.

    Raises:
        ReproError: when ``size`` is not positive.
    """

    name: str
    sha256: str
    size: float | None = None

    def __post_init__(self) -> None:
        if self.size is not None and not self.size > 0:
            raise ReproError(f"Initialisation.size is {self.size}: give a positive size of weights, or None.")


@dataclass(frozen=True, kw_only=True)
class GivenWeights:
    """Trained weights of a file, which are evaluated in place of a training; named by what they are, not by where they lie.

    Args:
        sha256: the SHA-256 of the file.
        network: the published network that they are of, as ``models.published`` names it; None for a checkpoint of this package.
    """

    sha256: str
    network: str | None = None

    @property
    def title(self) -> str:
        """What stands beside a number: ``published weights (hrnet-w32), sha256 19bc0837``."""
        what = "given weights" if self.network is None else f"published weights ({self.network})"
        return f"{what}, sha256 {self.sha256[:8]}"


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """The protocol that stands beside every number.

    Args:
        boxes: ``truth`` for ground-truth boxes; ``data.detections.SIMULATED`` for simulated ones, which stand for a detector's
            below the paper's scale; else the name of a detector's file.
        enlarged_from: (width, height) of the crops that are cut and then enlarged by super-resolution to the input's size;
            None for crops of the input's size.
        flip: whether maps are averaged with those of the mirror image.
        shift: whether the mirrored-back maps are moved by a pixel (biased convention).
        rescoring: keypoint scores above this are averaged into the person's score.
        nms: OKS above which the lower of two persons is dropped.
    """

    boxes: str = "truth"
    enlarged_from: tuple[int, int] | None = None
    flip: bool = True
    shift: bool = True
    rescoring: float = 0.2
    nms: float = 0.9


@dataclass(frozen=True, kw_only=True)
class Scoring:
    """The scoring network of Sun et al. (``grouping.scores``), trained after the main network on the people it finds.

    Args:
        images: training images whose people it learns from, the first ones; None for all.
        training: how it is trained.
        weights: those of a file in place of a training; None to train it.
    """

    images: int | None = None
    training: ScoringTraining = ScoringTraining()
    weights: GivenWeights | None = None


@dataclass(frozen=True, kw_only=True)
class SceneEvaluation:
    """The protocol of bottom-up methods, which are shown whole images.

    Args:
        flip: whether maps are averaged with those of the mirror image.
        scales: the scales of the image that maps are made at, 1 among them: (0.5, 1, 2) for multi-scale testing.
        reading: how several scales are combined, see ``grouping.multi_scale``, which calls it ``several``; keys hold the name.
        scoring: the network that scores people; None for the naive score.
        split: ``val``, or ``test``: the held-out split of drawn people and of CrowdPose; COCO's test-dev has no public labels,
            there its val stands for it.
        oks_of: the found people that count in the mean OKS: ``all``, or of each image the ``best``-scored, as many as people are
            labelled there, see ``metrics.people_oks``.
    """

    flip: bool = True
    scales: tuple[float, ...] = (1.0,)
    reading: Literal["concatenated", "averaged"] = "concatenated"
    scoring: Scoring | None = None
    split: Literal["val", "test"] = "val"
    oks_of: Literal["all", "best"] = "all"


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Everything that determines a run's numbers.

    Args:
        method: encoder, network, loss, decoder.
        data: the samples; None in a paper's recipe until a data set is chosen.
        input: crop size and convention; a ``SceneInput`` for bottom-up methods, then augmentation and evaluation are those of
            scenes too.
        augmentation: the augmentation of the training crops.
        optimisation: optimiser and schedule.
        second_stage: a second stage of training after it; None for none.
        initialisation: weights that training starts from; None for random ones.
        weights: trained weights of a file, with which nothing is trained; None for a training.
        evaluation: the protocol.
        seed: the seed of initial weights, order and augmentation.
        revision: the revision of the code that the numbers come from, see ``REVISION``.
    """

    method: Method
    data: Data | None = None
    input: Input | SceneInput = field(default_factory=Input)
    augmentation: Augmentation | SceneAugmentation = field(default_factory=Augmentation)
    optimisation: Optimisation = field(default_factory=Optimisation)
    second_stage: SecondStage | None = None
    initialisation: Initialisation | None = None
    weights: GivenWeights | None = None
    evaluation: Evaluation | SceneEvaluation = field(default_factory=Evaluation)
    seed: int = 0
    revision: int = 1

    def but(self, **fields: Any) -> Recipe:
        """This recipe with some fields exchanged."""
        return replace(self, **fields)

    @cached_property
    def key(self) -> str:
        """12 hex digits: the identity of the recipe."""
        return serial.digest(self)

    @cached_property
    def training_key(self) -> str:
        """12 hex digits: the identity of what is trained, the same for recipes that differ in their evaluation alone.

        Bottom-up methods are evaluated on one of two splits, which is left out too.
        """
        data = self.data
        if isinstance(self.input, SceneInput) and data is not None:
            data = replace(data, val_fingerprint="", val_count=0)
        plain = self.but(method=self.method.but(decoder=Argmax()), evaluation=Evaluation(), data=data)
        return serial.digest(plain)

    @property
    def crop_input(self) -> Input:
        """The input of a top-down recipe. Raises ReproError for a bottom-up one, as the properties below."""
        if isinstance(self.input, SceneInput):
            raise _misplaced("input", self.input, "crops of persons")
        return self.input

    @property
    def scene_input(self) -> SceneInput:
        """The input of a bottom-up recipe."""
        if isinstance(self.input, Input):
            raise _misplaced("input", self.input, "whole images")
        return self.input

    @property
    def crop_evaluation(self) -> Evaluation:
        """The protocol of a top-down recipe."""
        if isinstance(self.evaluation, SceneEvaluation):
            raise _misplaced("evaluation", self.evaluation, "crops of persons")
        return self.evaluation

    @property
    def scene_evaluation(self) -> SceneEvaluation:
        """The protocol of a bottom-up recipe."""
        if isinstance(self.evaluation, Evaluation):
            raise _misplaced("evaluation", self.evaluation, "whole images")
        return self.evaluation

    @property
    def crop_augmentation(self) -> Augmentation:
        """The augmentation of a top-down recipe."""
        if isinstance(self.augmentation, SceneAugmentation):
            raise _misplaced("augmentation", self.augmentation, "crops of persons")
        return self.augmentation

    @property
    def scene_augmentation(self) -> SceneAugmentation:
        """The augmentation of a bottom-up recipe."""
        if isinstance(self.augmentation, Augmentation):
            raise _misplaced("augmentation", self.augmentation, "whole images")
        return self.augmentation

    @property
    def samples(self) -> Data:
        """``data`` once it is chosen. Raises ReproError where it is not, as in a paper's recipe."""
        if self.data is None:
            raise ReproError(
                "The recipe names no data: bring it to a scale on a data set first, as `table_recipes` does."
            )
        return self.data

    @property
    def first_stage(self) -> Recipe:
        """The recipe of the first stage alone; itself when there is no second."""
        return self.but(second_stage=None)

    @property
    def stages(self) -> list[Recipe]:
        """The recipes of the trainings that lead to its network: one, or two."""
        return [self.first_stage, self] if self.second_stage else [self]

    @property
    def epochs(self) -> range:
        """The epochs of the last stage, counted from 0 over both."""
        first = self.optimisation.epochs
        return range(first, first + self.second_stage.epochs) if self.second_stage else range(first)

    @property
    def loss(self) -> Loss:
        """The loss of the last stage."""
        return self.second_stage.loss if self.second_stage else self.method.loss

    def to_plain(self) -> dict[str, Any]:
        """As JSON values."""
        return serial.to_plain(self)

    @staticmethod
    def from_plain(plain: Any) -> Recipe:
        """From JSON values; ReproError for unknown or ill-typed fields."""
        return serial.from_plain(Recipe, plain, "recipe")
