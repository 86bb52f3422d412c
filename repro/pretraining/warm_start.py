"""Training of the warm start: HRNet or ResNet on the body parts of drawn people (see ``training.warm_start``)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from repro import paths
from repro.approaches.top_down.samples import as_persons, open_persons
from repro.approaches.top_down.targets import make_targets
from repro.data.augment import Augmentation
from repro.data.crops import CropBatches, Input, normalise
from repro.data.drawn.figures import PARTS
from repro.data.persons import PersonSet
from repro.data.resident import Residence
from repro.decoders.peaks import Argmax
from repro.encoders.parts import PartMap
from repro.errors import ReproError
from repro.losses.parts import PartCrossEntropy
from repro.models.backbones.hrnet import HRNet
from repro.models.backbones.resnet import ResNet
from repro.models.checkpoints import load_weights
from repro.models.networks import PartNetwork
from repro.recipe import Data, Method, Optimisation, Recipe
from repro.runs.files import final_weights
from repro.runs.run import make_training, training_of
from repro.scales.scale import Scale, apply_scale
from repro.skeletons.skeleton import COCO17
from repro.support.environment import describe
from repro.support.locks import locked
from repro.training.distributed import World, choose_device
from repro.training.feed import map_size
from repro.training.loop import build_network
from repro.training.precision import autocast
from repro.training.warm_start import export_backbone

PERSONS = 12_000  # drawn to train on
CROPS = 360_000  # shown at laptop scale; other scales show five times the crops of a row's training
SIZE = (80, 80)  # (width, height) of the crops: with SCALING, people as tall as the tables' inputs make them
SCALING = 0.5  # of the crops, see Augmentation.scale
RATE = 4e-3  # learning rate
BALANCE = 0.5  # background covers 86 % of the pixels
NETWORK = PartNetwork(parts=len(PARTS))
METHOD = Method(
    encoder=PartMap(),
    network=NETWORK,
    loss=PartCrossEntropy(balance=BALANCE),
    decoder=Argmax(),
)


def warm_start_recipe(scale: Scale, backbone: HRNet | ResNet, data: Data) -> Recipe:
    """The recipe of the warm start of a backbone, as the papers have it, at a scale."""
    paper = Recipe(
        method=METHOD.but(network=replace(NETWORK, backbone=backbone)),
        input=Input(size=SIZE),
        augmentation=Augmentation(half_body=0.0, scale=SCALING),
        optimisation=Optimisation(learning_rate=RATE),
    )
    longer = replace(scale, drawn_crops=CROPS if scale.name == "laptop" else 5 * (scale.drawn_crops or CROPS))
    return apply_scale(paper, longer, divisor=1, data=data, start="random")


def make_warm_start(scale: Scale, backbone: HRNet | ResNet, device: str, *, keep: bool) -> Path:
    """Train the warm start of a backbone, as the papers have it, and keep it: in the package, or in ``runs/weights``.

    Returns:
        its manifest's path.

    Raises:
        ReproError: for the paper scale, which starts as the papers do.
    """
    if scale.name == "paper":
        raise ReproError("The paper scale has no warm start: choose smoke, laptop or gpu.")
    scale = replace(scale, drawn_train=max(PERSONS, scale.drawn_train or 0)) if scale.name != "smoke" else scale
    samples, data = open_persons("people", None, scale, SIZE, COCO17)
    recipe = warm_start_recipe(scale, backbone, data)
    world = World(0, 1, choose_device(device), compiled="auto")
    torch.set_num_threads(1)
    make_training(recipe, samples.train, world)
    network = build_network(recipe, samples.val, world.device)
    weights = final_weights(recipe)
    load_weights(network, weights)
    manifest = {
        "what": f"{type(backbone).__name__} trained on the body parts of drawn people; head removed; half precision",
        "command": f"repro warm-start --scale {scale.name} {backbone.warm_option}",
        **segmentation_quality(network, as_persons(samples.val), recipe, world.device),
        "recipe": recipe.to_plain(),
        "key": recipe.key,
        "minutes": round(training_of(recipe)["seconds"] / 60, 1),
        **describe(world.device),
    }
    folder = paths.WEIGHTS if keep else paths.runs() / "weights"
    backbone = backbone.reduced() if scale.small_backbone else backbone
    with locked(paths.runs() / "weights.lock", "the warm start"):
        return export_backbone(weights, folder, backbone, manifest)


@torch.inference_mode()
def segmentation_quality(
    network: torch.nn.Module, persons: PersonSet, recipe: Recipe, device: torch.device
) -> dict[str, float]:
    """``pixel_accuracy`` and ``mean_iou`` over the parts (background included) on the evaluation persons."""
    network.eval()
    confusion = np.zeros((len(PARTS), len(PARTS)))
    kept = Residence(device).persons(persons.images, persons.image_index, parts=True)
    for batch in CropBatches(persons, recipe.crop_input, parts=True, resident=kept).evaluation(64):
        batch = {name: value.to(device) for name, value in batch.items()}
        with autocast(recipe, device):
            outputs = {k: v.float() for k, v in network(normalise(batch["images"])).items()}
        truth = make_targets(recipe, batch, map_size(outputs), persons.skeleton)["parts"].flatten()
        found = outputs["parts"].argmax(1).flatten()
        both = torch.bincount(truth * len(PARTS) + found, minlength=len(PARTS) ** 2)
        confusion += both.cpu().numpy().reshape(confusion.shape)
    right = np.diag(confusion)
    union = confusion.sum(0) + confusion.sum(1) - right
    return {
        "pixel_accuracy": round(float(right.sum() / confusion.sum()), 4),
        "mean_iou": round(float(np.mean(right[union > 0] / union[union > 0])), 4),
    }
