"""Parts of other packages that are broken: each is told in one sentence, before a training or at its start."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import pytest
import torch
from torch import nn

from repro.approaches.bottom_up.predict import group_people
from repro.encoders.gaussian import GaussianHeatmap
from repro.errors import ReproError
from repro.losses.mse import HeatmapMSE
from repro.recipe import Recipe
from repro.runs.run import folder
from repro.runs.schedule import Machine, make_runs
from repro.skeletons.skeleton import LSPET14

from .test_parts import FewMaps, FewNetwork, OnePerson
from .tiny_runs import BASELINE, tiny_recipe
from .tiny_scenes import scene_data, scene_recipe, tiny_scenes


def raising(error):
    """A method that raises."""

    def method(self, *given, **named):
        raise error

    return method


@dataclass(frozen=True, kw_only=True)
class Strict(HeatmapMSE):
    width: int = 1

    def __post_init__(self):
        if self.width < 1:
            raise ValueError(f"width {self.width} is too small")
        if self.width > 9:
            raise SystemExit("too wide")


@pytest.mark.parametrize(
    ("width", "said"),
    [(0, "ValueError (width 0 is too small; test_broken_parts.py, "), (10, "SystemExit (too wide; test_broken_parts.py, ")],
)
def test_values_that_a_class_refuses_are_said(width, said):
    plain = Recipe(method=BASELINE.but(loss=Strict(width=3))).to_plain()
    plain["method"]["loss"]["width"] = width
    with pytest.raises(ReproError) as caught:
        Recipe.from_plain(plain)
    assert f"Strict of {__name__} ends with {said}" in str(caught.value)
    assert str(caught.value).endswith(f" when it is built of width={width}: give other values, or mend it.")


def test_a_hash_that_raises_is_said():
    broken = dataclass(frozen=True)(type("Broken", (HeatmapMSE,), {"__module__": __name__, "__hash__": raising(OSError("disk"))}))
    with pytest.raises(ReproError, match=r"loss of Method is Broken, .* cannot be written to JSON and read again \(disk\)"):
        BASELINE.but(loss=broken())


@dataclass(frozen=True, kw_only=True)
class Undescribed(FewNetwork):
    outputs: ClassVar[Any] = ("heatmaps",)


@dataclass(frozen=True, kw_only=True)
class Misdescribed(FewNetwork):
    outputs: ClassVar[Any] = {"heatmaps": "heat"}


@dataclass(frozen=True, kw_only=True)
class Unreadable(FewNetwork):
    @property
    def outputs(self):
        raise ZeroDivisionError("no stride")


@dataclass(frozen=True, kw_only=True)
class Answerless(OnePerson):
    answers: ClassVar[Any] = ("regression",)


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ({"network": Undescribed()}, "network of Method is Undescribed, .* its outputs are tuple: say of each map"),
        ({"network": Misdescribed()}, "Misdescribed, which .* its outputs say of 'heatmaps' 'heat': give an Output"),
        ({"network": Unreadable()}, r"Unreadable, .* its 'outputs' cannot be read, .* ZeroDivisionError \(no stride; "),
        ({"decoder": Answerless()}, r"decoder of Method is Answerless, .* its answers are \('regression',\): give a tuple"),
    ],
)
def test_what_a_part_says_of_itself_is_looked_at(parts, said):
    with pytest.raises(ReproError, match=said):
        BASELINE.but(**parts)


def test_a_method_has_all_its_parts():
    """None is what a method returns that was left unfinished, as ``reduced``."""
    for name in ("encoder", "network", "loss", "decoder"):
        with pytest.raises(ReproError, match=f"{name} of Method is None: a method has all four parts"):
            BASELINE.but(**{name: None})


@dataclass(frozen=True, kw_only=True)
class Half(GaussianHeatmap):
    """Targets of half the size."""

    def __call__(self, points, labelled, *, size, skeleton):
        return super().__call__(points, labelled, size=(size[0] // 2, size[1] // 2), skeleton=skeleton)


@dataclass(frozen=True, kw_only=True)
class OneMap(GaussianHeatmap):
    """One map for all keypoints, which torch would compare with each."""

    def __call__(self, points, labelled, *, size, skeleton):
        found = super().__call__(points, labelled, size=size, skeleton=skeleton)
        return found | {"heatmaps": found["heatmaps"].amax(1, keepdim=True)}


@dataclass(frozen=True, kw_only=True)
class Far(GaussianHeatmap):
    def __call__(self, points, labelled, *, size, skeleton):
        return points[10**6]


@dataclass(frozen=True, kw_only=True)
class Unbuilt(FewNetwork):
    def build(self, skeleton):
        return lambda images: {}


@dataclass(frozen=True, kw_only=True)
class Unbuildable(FewNetwork):
    def build(self, skeleton):
        return self.no_such_layer


@dataclass(frozen=True, kw_only=True)
class NarrowNetwork(FewNetwork):
    """Its head takes more channels than its backbone gives."""

    def build(self, skeleton):
        module = FewMaps(self.backbone, len(skeleton))
        module.head = nn.Conv2d(self.backbone.width + 1, len(skeleton), 1)
        return module


@dataclass(frozen=True, kw_only=True)
class Plain:
    """Compares maps as they are."""

    def __call__(self, outputs, targets):
        return {"loss": (outputs["heatmaps"] - targets["heatmaps"]).square().mean()}


@dataclass(frozen=True, kw_only=True)
class PlainOfAll(Plain):
    """Compares maps with weights."""

    def __call__(self, outputs, targets):
        return {"loss": (outputs["heatmaps"] * targets["weights"]).mean()}


class NoGradient(torch.autograd.Function):
    @staticmethod
    def forward(ctx, maps):
        return maps.sum()

    @staticmethod
    def backward(ctx, gradient):
        raise ValueError("not derived")


@dataclass(frozen=True, kw_only=True)
class Underived:
    def __call__(self, outputs, targets):
        return {"loss": NoGradient.apply(outputs["heatmaps"])}


@dataclass(frozen=True, kw_only=True)
class Fixed(FewNetwork):
    """Maps of the images themselves."""

    def build(self, skeleton):
        return nn.Upsample(scale_factor=0.25)


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ({"encoder": Half()}, r"Half gives 'heatmaps' of shape \(8, 14, 8, 6\), HeatmapNetwork of shape \(8, 14, 16, 12\)"),
        ({"encoder": OneMap(), "loss": Plain()}, r"OneMap gives 'heatmaps' of shape \(8, 1, 16, 12\), HeatmapNetwork of shape"),
        ({"encoder": Far()}, r"Far of .*test_broken_parts ends with IndexError \(index 1000000 .*\) when it makes targets: mend"),
        ({"network": Unbuilt()}, "Unbuilt of .*test_broken_parts builds function, expected a module of torch"),
        ({"network": Unbuildable()}, r"Unbuildable of .* AttributeError \(.*no_such_layer.*\) when it is built for 14 keypoints"),
        ({"network": NarrowNetwork()}, r"NarrowNetwork of .* ends with RuntimeError \(.*channel.*\) when it is shown images"),
        ({"network": Fixed()}, "Fixed of .* builds a network without parameters: there is nothing to train"),
        ({"loss": Underived()}, r"Underived of .* ends with ValueError \(not derived; .*\) when its gradient is computed"),
        ({"loss": PlainOfAll()}, r"PlainOfAll cannot compare what HeatmapNetwork and GaussianHeatmap give .*weights \(8, 14\)"),
    ],
)
def test_a_broken_part_is_named_at_the_start_of_a_training(broken, said, data, tiny_samples, places):
    recipe = tiny_recipe(data, BASELINE.but(**broken))
    with pytest.raises(ReproError, match=said):
        make_runs([recipe], tiny_samples, Machine(device="cpu", jobs=1))
    assert not (folder(recipe) / "model.safetensors").exists()


@dataclass(frozen=True, kw_only=True)
class Crowd(OnePerson):
    """Points alone."""

    def people(self, shown):
        return super().people(shown).points


def test_a_grouper_that_returns_no_people_is_named():
    scenes = tiny_scenes()
    recipe = scene_recipe(scene_data(scenes, scenes))
    recipe = recipe.but(method=recipe.method.but(decoder=Crowd()))
    with pytest.raises(ReproError, match=r"Crowd returns a tensor \(1, 14, 2\), expected People"):
        group_people({1.0: {"heatmaps": torch.zeros(1, 14, 8, 8)}}, recipe, LSPET14)
