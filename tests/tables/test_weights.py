"""What WEIGHTS and STARTS name is checked against the rows before anything is read; rows with weights are only evaluated."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch
from click.testing import CliRunner

from repro.cli.main import main
from repro.errors import ReproError
from repro.papers.recipes import table_rows
from repro.recipe import GivenWeights, Recipe
from repro.reporting.outcome import Outcome, RunOutcome
from repro.scales.scale import SCALES
from repro.skeletons.skeleton import COCO17
from repro.tables.current import earlier_rule
from repro.tables.given import with_given
from repro.tables.plan import table_recipes
from repro.tables.request import Request
from repro.tables.weights import given_recipes, named_files, stand_in_data, weights_of

from ..models.published.official import shapes
from ..models.published.official import weights_of as official_weights

ROWS = ["hrnet", "attention", "attention-weighted"]


def request(paper: str = "skeletal", table: int = 3, *rows: str, scale: str = "smoke", data: str = "people") -> Request:
    return Request(paper, table, SCALES[scale], data, None, (0,), rows)


def checkpoint(asked: Request, row: str, file, skeleton=None) -> None:
    """Random weights of a row's network."""
    recipe = recipes_of(asked)[row, 0]
    skeleton = skeleton or table_rows(asked.paper, asked.table).skeleton
    torch.save(recipe.method.network.build(skeleton).state_dict(), file)


def recipes_of(asked: Request):
    return table_recipes(asked.paper, asked.table, asked.scale, stand_in_data("people"), (0,), asked.rows, "random")


def test_lists_folders_and_single_files_name_rows(tmp_path):
    for name in ("hrnet.pth", "a,b.pth", "attention.safetensors", "notes.txt", "other.pth"):
        (tmp_path / name).touch()
    assert named_files(f"hrnet={tmp_path}/hrnet.pth,attention={tmp_path}/a,b.pth", ROWS) == {
        "hrnet": tmp_path / "hrnet.pth",
        "attention": tmp_path / "a,b.pth",
    }
    assert named_files(str(tmp_path), ROWS) == {
        "hrnet": tmp_path / "hrnet.pth",
        "attention": tmp_path / "attention.safetensors",
    }
    assert named_files(str(tmp_path / "other.pth"), ["hrnet"]) == {"hrnet": tmp_path / "other.pth"}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("{0}/other.pth", "the one file .* and 3 rows are asked for"),
        ("{0}/nowhere", "no file and no folder"),
        ("hrnet={0}/nowhere", "there is no such file"),
        ("hrnet={0}/other.pth,hrnet={0}/other.pth", "more than once"),
        ("{0}", "no file that is named by a row .it has other.pth"),
    ],
)
def test_what_names_no_row_is_refused(tmp_path, given, said):
    (tmp_path / "other.pth").touch()
    with pytest.raises(ReproError, match=said):
        named_files(given.format(tmp_path), ROWS)


def test_two_files_of_a_row_are_refused(tmp_path):
    for name in ("hrnet.pth", "hrnet.safetensors"):
        (tmp_path / name).touch()
    with pytest.raises(ReproError, match="leave one file a row"):
        named_files(str(tmp_path), ROWS)


def test_rows_that_share_a_training_share_its_weights_at_one_seed(tmp_path):
    asked = request()
    checkpoint(asked, "attention", tmp_path / "a.pth")
    (made,) = with_given([asked], weights=f"attention={tmp_path}/a.pth")
    assert set(made.weights.rows) == {"attention", "attention-weighted"}
    recipes = table_recipes("skeletal", 3, asked.scale, stand_in_data("people"), (2, 1), (), "random")
    given = given_recipes(recipes, made.weights)
    assert set(given) == {
        *(("hrnet", 2), ("hrnet", 1), ("attention", 1), ("attention-weighted", 1)),
        *(("hrnet-weighted", 2), ("hrnet-weighted", 1)),
    }
    assert given["attention", 1].training_key == given["attention-weighted", 1].training_key
    assert given["hrnet", 2] == recipes["hrnet", 2] and given["attention", 1].seed == 0


def test_a_file_that_does_not_fit_is_told_by_row_and_tensors(tmp_path):
    asked = request()
    checkpoint(asked, "attention", tmp_path / "a.pth")
    with pytest.raises(
        ReproError,
        match=r"for row hrnet, which does not fit: \d left over: skeletal_attention[^\n]*; give weights of a network [^\n]*s\.$",
    ):
        with_given([asked], weights=f"hrnet={tmp_path}/a.pth")
    other = request("cal", 9, "hrnet-w48-384x288", scale="smoke")
    checkpoint(other, "hrnet-w48-384x288", tmp_path / "w48.pth")
    with pytest.raises(ReproError, match=r"of another shape: [^\n]*, \.\.\.; give weights of a network [^\n]*s\.$"):
        with_given([asked], weights=f"hrnet={tmp_path}/w48.pth")
    with pytest.raises(ReproError, match="Unknown row in WEIGHTS 'nix'"):
        with_given([asked], weights=f"nix={tmp_path}/a.pth,attention={tmp_path}/a.pth")
    with pytest.raises(ReproError, match="no row with given weights is scored by one"):
        with_given([asked], weights=f"scoring={tmp_path}/a.pth,attention={tmp_path}/a.pth")
    with pytest.raises(ReproError, match="has no effect: the table prints counts alone"):
        with_given([request("hgr", 1)], weights=str(tmp_path))


def test_published_guided_networks_and_their_scoring_network_fit_the_rows_of_hgr(tmp_path):
    name = next(name for name in shapes() if name.startswith("hgr_w32") and "coco" in name)
    torch.save(official_weights(name), tmp_path / "hgr-hrnet-w32.pth")
    sizes = {"l1": (256, 74), "l2": (256, 256), "l3": (1, 256)}
    scoring = {f"{n}.weight": torch.zeros(s) for n, s in sizes.items()} | {
        f"{n}.bias": torch.zeros(s[0]) for n, s in sizes.items()
    }
    torch.save(scoring, tmp_path / "scoring.pth")
    asked = request("hgr", 2, "hgr-hrnet-w32", "hgr-hrnet-w32-multi", scale="paper", data="coco")
    (made,) = with_given([asked], weights=str(tmp_path))
    assert {row: weights.network for row, (weights, _) in made.weights.rows.items()} == {
        "hgr-hrnet-w32": "hgr-w32",
        "hgr-hrnet-w32-multi": "hgr-w32",
    }
    assert made.weights.scoring is not None and made.weights.scoring[0].network == "hgr-scoring-coco17"
    recipes = given_recipes(recipes_of(asked), made.weights)
    assert all(recipe.samples.train_count == 0 for recipe in recipes.values())
    assert recipes["hgr-hrnet-w32-multi", 0].scene_evaluation.scales == (0.5, 1.0, 2.0)


def test_results_with_given_weights_are_current_beside_trained_rows():
    recipes = table_recipes(
        "skeletal", 3, SCALES["smoke"], replace(stand_in_data("people"), train_count=64), (0, 1), (), "random"
    )
    given = given_recipes(
        recipes, weights_of([("hrnet", recipes["hrnet", 0].but(weights=GivenWeights(sha256="ab" * 32)))])
    )
    runs = tuple(
        RunOutcome(row, seed, one.to_plain(), one.key, one.training_key, {"pckh@0.5": 0.5}, [], 1.0)
        for (row, seed), one in given.items()
    )
    assert [(run.row, run.seed) for run in runs][:2] == [("hrnet", 0), ("attention", 0)]
    outcome = Outcome("skeletal", 3, "smoke", "people", 8, runs, start="random")
    assert earlier_rule(outcome) == ""
    other = replace(runs[0], recipe=Recipe.from_plain(runs[0].recipe).but(seed=1).to_plain(), key="0" * 12)
    assert "earlier rule" in earlier_rule(replace(outcome, runs=(other, *runs[1:])))


def test_a_table_of_given_weights_is_evaluated_and_says_so(places):
    for row in ("hrnet", "attention"):
        checkpoint(request(), row, places / f"{row}.pth")
    asked = ["reproduce", "--paper", "skeletal", "--table", "3", "--scale", "smoke", "--weights", str(places)]
    result = CliRunner().invoke(main, asked)
    assert result.exit_code == 0, result.output
    assert "4 runs from 0 trainings, 4 evaluated with given weights" in result.output
    assert result.output.count("given weights, sha256") == 4
    (folder,) = (places / "results" / "skeletal" / "table3").glob("smoke-*")
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["trainings"] == {} and manifest["weights"]["hrnet"]["file"] == "hrnet.pth"
    assert manifest["weights"]["attention-weighted"]["sha256"] == manifest["weights"]["attention"]["sha256"]
    assert all("not trained here" in line for line in manifest["rows"].values())
    plan = CliRunner().invoke(main, [*asked, "--plan=1"])
    assert "4 runs from 0 trainings, 4 evaluated with given weights, 0 steps" in plan.output


def imagenet(asked: Request, row: str, file) -> None:
    checkpoint(asked, row, file, COCO17)


CAL = request("cal", 9, "ipr-r101-256x256", "hrnet-w48-384x288", scale="paper")


def test_paper_scale_asks_for_a_start_and_a_plan_says_so(capsys, places):
    with pytest.raises(
        ReproError, match=r"start from random weights.*ipr-r101-256x256 of cal 9, hrnet-w48.*START=r101=file,w48=file"
    ):
        with_given([CAL])
    (planned,) = with_given([CAL], planned=True)
    assert planned.start == "warm" and "START=random to mean it" in capsys.readouterr().out
    assert with_given([CAL], start="random")[0].start == "random"
    assert with_given([replace(CAL, scale=SCALES["gpu"])])[0].start == "warm"
    assert with_given([request("hgr", 1, scale="paper")])[0].start == "warm"  # nothing is trained for it


def test_each_backbone_has_its_start(places):
    imagenet(CAL, "hrnet-w48-384x288", places / "hrnet_w48-mine.pth")
    imagenet(CAL, "ipr-r101-256x256", places / "resnet101-mine.pth")
    (made,) = with_given([CAL], starts=str(places))
    named = table_recipes("cal", 9, CAL.scale, stand_in_data("people"), (0,), CAL.rows, made.start)
    names = {row: recipe.initialisation.name for (row, _), recipe in named.items()}
    assert names["hrnet-w48-384x288"].startswith("hrnet_w48-mine-")
    assert names["ipr-r101-256x256"].startswith("resnet101-mine-")
    assert with_given([CAL], start=made.start)[0].start == made.start  # as a result folder names it
    (half,) = with_given([CAL], start=f"w48={places}/hrnet_w48-mine.pth,r101=random")
    named = table_recipes("cal", 9, CAL.scale, stand_in_data("people"), (0,), CAL.rows, half.start)
    assert (
        named["ipr-r101-256x256", 0].initialisation is None and named["hrnet-w48-384x288", 0].initialisation is not None
    )


@pytest.mark.parametrize(
    ("start", "said"),
    [
        ("w48={0}/w48.pth", "names no weights for r101, that these rows start from: ipr-r101-256x256 of cal 9"),
        ("w48={0}/w48.pth,r101=random,w32={0}/w48.pth", "no row that was asked for starts from w32"),
        ("w48=random,r101={0}/w48.pth", "no row that was asked for can start from"),
        ("w48={0}/w48.pth,r101={0}/w48.pth", "no row that was asked for can start from"),
        ("w48={0}/w48.pth,r101=nowhere", "Unknown START 'nowhere'"),
        ("w47=random,r101=random", r"no weights for w48, .*; no row that was asked for starts from w47\. Add w48=file"),
    ],
)
def test_a_start_that_does_not_fit_is_refused(places, start, said):
    imagenet(CAL, "hrnet-w48-384x288", places / "w48.pth")
    with pytest.raises(ReproError, match=said):
        with_given([CAL], start=start.format(places))
    assert not (places / "runs").exists()


def test_a_folder_of_starts_is_a_folder_with_one_file_a_backbone(places):
    with pytest.raises(ReproError, match="STARTS is nowhere, which is no folder"):
        with_given([CAL], starts="nowhere")
    with pytest.raises(ReproError, match="give one of them"):
        with_given([CAL], start="random", starts=str(places))
    for name in ("hrnet_w48-a.pth", "w48.safetensors"):
        (places / name).touch()
    with pytest.raises(ReproError, match="hrnet_w48-a.pth and w48.safetensors for w48"):
        with_given([CAL], starts=str(places))
    (places / "w48.safetensors").unlink()
    with pytest.raises(ReproError, match="folder of starts .* no file for r101, .* named as in .*/resnet101.pth, give"):
        with_given([CAL], starts=str(places))


def test_rows_with_given_weights_need_no_start(places):
    asked = replace(CAL, rows=("hrnet-w48-384x288",))
    checkpoint(asked, asked.rows[0], places / "w48.pth")
    (made,) = with_given([asked], weights=f"{places}/w48.pth")
    assert set(made.weights.rows) == set(asked.rows) and made.start == "warm"
