"""Parts of methods: those of the package fit their protocols, and those of others do what these do."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, make_dataclass, replace
from typing import Any, ClassVar

import pytest
import torch
from torch import nn

from repro import parts
from repro.approaches.bottom_up.predict import answers_of, group_people
from repro.decoders.peaks import heatmap_peaks
from repro.encoders.gaussian import GaussianHeatmap
from repro.errors import ReproError
from repro.grouping.people import People
from repro.losses.mse import HeatmapMSE
from repro.models.backbones.base import Backbone
from repro.models.base import OnBackbone
from repro.recipe import (
    GROUPERS,
    LOSSES,
    NETWORKS,
    PERSON_DECODERS,
    PERSON_ENCODERS,
    SCENE_ENCODERS,
    Method,
    Recipe,
    SecondStage,
)
from repro.runs.run import folder, load_run
from repro.runs.schedule import Machine, make_runs
from repro.skeletons.outputs import HEATMAPS, Output
from repro.skeletons.skeleton import LSPET14
from repro.support.protocols import misfit
from repro.training.warm_start import choose_start, takes_weights

from .tiny_runs import BASELINE, tiny_recipe
from .tiny_scenes import scene_data, scene_recipe, tiny_scenes

KINDS = {
    parts.Network: NETWORKS,
    parts.PersonEncoder: PERSON_ENCODERS,
    parts.SceneEncoder: SCENE_ENCODERS,
    parts.Loss: LOSSES,
    parts.PersonDecoder: PERSON_DECODERS,
    parts.Grouper: GROUPERS,
}


@dataclass(frozen=True, kw_only=True)
class Few(Backbone):
    """Two strided convolutions."""

    width: int = 16
    stride: ClassVar[int] = 4

    @property
    def outputs(self):
        return (self.width,)

    def reduced(self):
        return replace(self, width=self.width // 2)

    def build(self):
        return nn.Sequential(
            nn.Conv2d(3, self.width, 3, 2, 1), nn.ReLU(), nn.Conv2d(self.width, self.width, 3, 2, 1), nn.ReLU()
        )


@dataclass(frozen=True, kw_only=True)
class FewNetwork(OnBackbone):
    outputs: ClassVar[Mapping[str, Output]] = {"heatmaps": HEATMAPS}

    backbone: Few = Few()

    def build(self, skeleton):
        return FewMaps(self.backbone, len(skeleton))


class FewMaps(nn.Module):
    def __init__(self, backbone, maps):
        super().__init__()
        self.backbone, self.head = backbone.build(), nn.Conv2d(backbone.width, maps, 1)

    def forward(self, images):
        return {"heatmaps": self.head(self.backbone(images))}


@dataclass(frozen=True, kw_only=True)
class Centred:
    """The highest pixels, drawn a little to the middle of the map."""

    share: float = 0.1

    def __call__(self, outputs):
        points, scores = heatmap_peaks(outputs["heatmaps"])
        middle = (torch.tensor(outputs["heatmaps"].shape[:-3:-1]) - 1) / 2
        return points + self.share * (middle - points), scores


@dataclass(frozen=True, kw_only=True)
class OnePerson:
    """The highest pixel of each map."""

    answers: ClassVar[tuple[str, ...]] = ("final",)

    def people(self, shown):
        points, scores = heatmap_peaks(shown.at_one_scale(self)["heatmaps"])
        return People(points=shown.stride * points, keypoint_scores=scores, scores=scores.mean(1))


@dataclass(frozen=True, kw_only=True)
class Deaf:
    def __call__(self, outputs):
        return {"loss": outputs["heatmaps"].mean()}


OWN = Method(encoder=GaussianHeatmap(), network=FewNetwork(), loss=HeatmapMSE(), decoder=Centred())


@pytest.mark.parametrize(
    ("kind", "part"),
    [(kind, part) for kind, all_of_it in KINDS.items() for part in all_of_it],
    ids=lambda x: x.__name__,
)
def test_the_parts_of_the_package_fit_their_kind(kind, part):
    assert misfit(part(), kind) == ""
    others = [
        other for other in (parts.PersonEncoder, parts.SceneEncoder, parts.Network, parts.Grouper) if other != kind
    ]
    assert all(misfit(part(), other) for other in others)


def test_own_parts_are_named_by_their_module():
    plain = Recipe(method=OWN).to_plain()
    assert {name: part["type"] for name, part in plain["method"].items() if name != "type"} == {
        "encoder": "GaussianHeatmap",
        "network": f"{__name__}:FewNetwork",
        "loss": "HeatmapMSE",
        "decoder": f"{__name__}:Centred",
    }
    changed = OWN.but(network=FewNetwork(backbone=Few(width=8)), decoder=Centred(share=0.25))
    recipe = Recipe(method=changed)
    again = Recipe.from_plain(json.loads(json.dumps(recipe.to_plain())))
    assert again == recipe and again.key == recipe.key != Recipe(method=OWN).key
    assert again.method.network.reduced() == FewNetwork(backbone=Few(width=4))


def test_own_network_backbone_and_decoder_are_trained_and_evaluated(data, tiny_samples, places):
    recipe = tiny_recipe(data, OWN)
    make_runs([recipe], tiny_samples, Machine(device="cpu", jobs=1))
    run = load_run(recipe)
    assert run.recipe == recipe and 0 <= run.metrics["OKS"] <= 1
    assert (
        json.loads((folder(recipe) / "recipe.json").read_text())["method"]["decoder"]["type"] == f"{__name__}:Centred"
    )


def test_a_backbone_without_a_warm_start_starts_from_random_weights():
    assert not takes_weights(Few()) and choose_start("warm", Few()) is None


def test_an_own_grouper_is_asked_for_people():
    scenes = tiny_scenes()
    recipe = scene_recipe(scene_data(scenes, scenes))
    recipe = recipe.but(method=recipe.method.but(decoder=OnePerson()))
    assert answers_of(recipe) == ("final",)
    maps = torch.zeros(1, 14, 8, 8)
    maps[:, :, 3, 5] = 0.5
    people = group_people({1.0: {"heatmaps": maps}}, recipe, LSPET14)
    assert people.points.unique(dim=1).tolist() == [[[20.0, 12.0]]] and people.scores.tolist() == [0.5]
    assert Recipe.from_plain(recipe.to_plain()) == recipe


def test_what_does_not_fit_is_refused_where_it_is_built():
    with pytest.raises(
        ReproError, match=r"loss of Method is Deaf, which does not fit there, because its __call__\(self, out"
    ):
        BASELINE.but(loss=Deaf())
    with pytest.raises(ReproError, match="loss of SecondStage is Deaf"):
        SecondStage(loss=Deaf())
    with pytest.raises(
        ReproError, match="network of Method is GaussianHeatmap, which .* it has no attribute 'backbone'"
    ):
        BASELINE.but(network=GaussianHeatmap())
    with pytest.raises(ReproError, match="decoder of Method is HeatmapMSE"):
        BASELINE.but(decoder=HeatmapMSE())


@dataclass(frozen=True, kw_only=True)
class OnNumber(OnBackbone):
    outputs: ClassVar[Mapping[str, Output]] = {"heatmaps": HEATMAPS}

    backbone: int = 3

    def build(self, skeleton):
        return nn.Identity()


@dataclass(frozen=True, eq=False)
class Incomparable(HeatmapMSE):
    width: float = 1.0


@dataclass(frozen=True)
class Doubled(HeatmapMSE):
    width: float = 1.0

    def __post_init__(self):
        object.__setattr__(self, "width", 2 * self.width)


@dataclass(frozen=True)
class WithTensor(HeatmapMSE):
    kernel: torch.Tensor = field(default_factory=lambda: torch.ones(3))


@dataclass(frozen=True)
class WithList(HeatmapMSE):
    widths: list = field(default_factory=lambda: [1, 2])


@dataclass(frozen=True)
class WithAny(HeatmapMSE):
    width: Any = 1


@dataclass(frozen=True)
class Unread(HeatmapMSE):
    width: NoSuchName = 1  # noqa: F821


@pytest.mark.parametrize(
    ("part", "message"),
    [
        (Incomparable(), "Incomparable, .* because its class has eq=False, .*: leave that out"),
        (Doubled(), "Doubled, .* because it differs from itself once it is written to JSON and read again"),
        (WithTensor(), "WithTensor, .* because it cannot be written to JSON and read again .* make its fields numbers"),
        (WithList(), r"WithList, .* and read again \(unhashable type: 'list'\)"),
        (WithAny(width=2), r"WithAny, .*WithAny.width is annotated as typing.Any, which files cannot hold"),
        (Unread(), "The annotations of Unread cannot be read .*'NoSuchName'.*: import what they name"),
    ],
    ids=lambda part: type(part).__name__,
)
def test_settings_that_files_cannot_hold_are_refused(part, message):
    with pytest.raises(ReproError, match=message):
        BASELINE.but(loss=part)


def test_a_backbone_that_is_none_is_refused():
    with pytest.raises(ReproError, match="backbone of OnNumber is int, which does not fit there, because it is no frozen"):
        BASELINE.but(network=OnNumber())


def test_decoders_and_encoders_of_the_other_approach_are_told_apart():
    assert BASELINE.person_encoder == BASELINE.encoder and OWN.person_decoder == Centred()
    with pytest.raises(ReproError, match="decoder is OnePerson, which is not made for maps of single persons"):
        _ = OWN.but(decoder=OnePerson()).person_decoder
    with pytest.raises(ReproError, match="decoder is Centred, which is not made for maps of whole images"):
        _ = OWN.grouper


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("Gone", "Unknown type of recipe.method.loss 'Gone': choose one of HeatmapMSE, "),
        ("no_such_module:Loss", "'no_such_module:Loss', which cannot be imported (No module named 'no_such_module')"),
        ("repro.losses.mse:Gone", "cannot be imported (module 'repro.losses.mse' has no attribute 'Gone')"),
        ("repro.losses.mse:weighted_mse", "is 'repro.losses.mse:weighted_mse', which is no dataclass"),
        (f"{__name__}:Deaf", "recipe.method.loss is Deaf, which does not fit there"),
        (3, "Unknown type of recipe.method.loss 3"),
    ],
)
def test_names_that_lead_nowhere_are_said(name, message):
    plain = Recipe(method=BASELINE).to_plain()
    plain["method"]["loss"] = {"type": name}
    with pytest.raises(ReproError) as caught:
        Recipe.from_plain(plain)
    assert message in str(caught.value)


def test_a_class_that_no_other_process_finds_has_no_name():
    @dataclass(frozen=True, kw_only=True)
    class Here(HeatmapMSE):
        pass

    made = make_dataclass("Made", (), bases=(HeatmapMSE,), frozen=True, namespace={"__module__": __name__})
    for loss in (Here(), made()):
        recipe = Recipe(method=BASELINE.but(loss=loss))
        with pytest.raises(ReproError, match="cannot be part of a recipe, because no other process finds it"):
            recipe.to_plain()


@pytest.mark.parametrize(
    ("text", "error"),
    [("raise RuntimeError('no GPU')", "RuntimeError"), ("def (", "SyntaxError"), ("import sys\nsys.exit(2)", "SystemExit")],
)
def test_a_module_that_cannot_run_is_said(text, error, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / f"ends_with_{error.lower()}.py").write_text(text)
    plain = Recipe(method=BASELINE).to_plain()
    plain["method"]["loss"] = {"type": f"ends_with_{error.lower()}:Loss"}
    with pytest.raises(ReproError, match=f"whose module ends with {error} when it is imported .*: mend the module"):
        Recipe.from_plain(plain)


@dataclass(frozen=True, kw_only=True)
class Nameless:
    def __call__(self, outputs, targets):
        return {"error": outputs["heatmaps"].square().mean()}


def test_a_loss_names_what_is_minimised(data, tiny_samples, places):
    recipe = tiny_recipe(data, BASELINE.but(loss=Nameless()))
    with pytest.raises(ReproError, match="Nameless gives error and no 'loss'"):
        make_runs([recipe], tiny_samples, Machine(device="cpu", jobs=1))


@dataclass(frozen=True, kw_only=True)
class BareMaps:
    def __call__(self, points, labelled, *, size, skeleton):
        return torch.zeros(*points.shape[:2], *size[::-1])


def test_an_encoder_that_returns_bare_maps_is_named(data, tiny_samples, places):
    recipe = tiny_recipe(data, BASELINE.but(encoder=BareMaps()))
    with pytest.raises(ReproError, match="BareMaps returns a tensor .*, expected tensors by name"):
        make_runs([recipe], tiny_samples, Machine(device="cpu", jobs=1))
