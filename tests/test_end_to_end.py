"""One table from image files to a result folder, by the command that ``make reproduce`` calls."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from scipy.io import savemat

from repro.approaches.top_down.measure import measure
from repro.approaches.top_down.predict import Poses, load_poses
from repro.cli.main import main
from repro.data.catalogue import load_persons
from repro.data.detection_files import boxes_name
from repro.errors import ReproError
from repro.recipe import Recipe
from repro.reporting.folders import newest_folder
from repro.reporting.outcome import Outcome
from repro.runs import run as runs
from repro.runs.schedule import Machine, make_runs
from repro.scales.scale import SCALES
from repro.tables import reproduce
from repro.tables.current import earlier_rule
from repro.tables.plan import table_samples

from .tiny_runs import STANDING

# The sixteen joints of MPII among the fourteen of LSPET; pelvis and thorax lie between hips and shoulders.
MPII_JOINTS = [0, 1, 2, 3, 4, 5, (2, 3), (8, 9), 12, 13, 6, 7, 8, 9, 10, 11]
ROWS = ["hrnet", "attention", "attention-weighted"]


def write_mpii(root: Path, train: int, val: int) -> None:
    """MPII in the layout of HRNet: one standing person in each image of 60 x 80 px."""
    rng = np.random.default_rng(0)
    standing = np.array([STANDING[list(j)].mean(0) if isinstance(j, tuple) else STANDING[j] for j in MPII_JOINTS])
    entries = []
    for number in range(train + val):
        joints = standing * (60, 80) + rng.integers(-4, 5, 2) + 1  # 1-based
        image = rng.integers(0, 256, (8, 6, 3), dtype=np.uint8)
        path = root / "images" / f"{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), cv2.resize(image, (60, 80), interpolation=cv2.INTER_CUBIC))
        center = joints.mean(0).tolist()
        person = {"image": path.name, "center": center, "scale": 0.4, "joints": joints.tolist(), "joints_vis": [1] * 16}
        entries.append(person)
    (root / "annot").mkdir()
    (root / "annot" / "train.json").write_text(json.dumps(entries[:train]))
    (root / "annot" / "valid.json").write_text(json.dumps(entries[train:]))
    truth = {
        "pos_gt_src": np.array([e["joints"] for e in entries[train:]]).transpose(1, 2, 0),
        "jnt_missing": np.zeros((16, val)),
        "headboxes_src": np.repeat(np.array([[10.0, 10.0], [16.0, 18.0]])[:, :, None], val, axis=2),
    }
    savemat(root / "annot" / "gt_valid.mat", truth)


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    """A data set, and folders of their own for runs, results and caches."""
    root = tmp_path_factory.mktemp("end_to_end")
    write_mpii(root / "mpii", train=32, val=12)
    with pytest.MonkeyPatch.context() as patch:
        for name in ("runs", "results", "cache"):
            patch.setenv(f"REPRO_{name.upper()}", str(root / name))
        yield root


def command(places: Path, *more: str):
    """``repro reproduce`` of table 3 at smoke scale."""
    fixed = ("--paper", "skeletal", "--table", "3", "--scale", "smoke", "--data", "mpii", "--start", "random")
    rows = () if "--row" in more else ("--row", ",".join(ROWS))
    machine = ("--data-root", str(places / "mpii"), "--device", "cpu", "--jobs", "1")
    arguments = ("reproduce", *fixed, *rows, *machine, *more)
    return CliRunner().invoke(main, arguments, catch_exceptions=False)


@pytest.fixture(scope="module")
def folder(places) -> Path:
    """The folder that the command leaves."""
    done = command(places)
    assert done.exit_code == 0, done.output
    place = newest_folder("skeletal", 3)
    assert "3 runs from 2 trainings" in done.output and f"results in {place}" in done.output
    return place


def test_the_folder_is_complete(folder, places):
    assert {p.relative_to(folder).as_posix() for p in folder.rglob("*")} == {
        *(
            "manifest.json",
            "runs.json",
            "evidence.npz",
            "table.csv",
            "table.md",
            "notebook.ipynb",
            "examples.json",
            "figures",
            "private",
        ),
        *("figures/learning_curves.png", "figures/keypoints.png", "figures/poses.jpg"),
        *("private/poses.jpg", *(f"private/example{n}.jpg" for n in range(6))),  # photographs of MPII stay here
    }
    assert [p for p in folder.parent.iterdir() if p != folder] == []
    for path in folder.glob("figures/*.png"):
        assert min(cv2.imread(str(path)).shape[:2]) > 100
    for path in (p for p in folder.rglob("*") if p.suffix in (".json", ".csv", ".md", ".ipynb")):
        assert str(places) not in path.read_text(), f"{path.name} holds a path of this machine"


def test_the_manifest_says_where_every_number_comes_from(folder, places):
    manifest = json.loads((folder / "manifest.json").read_text())
    outcome = Outcome.read(folder / "runs.json")
    recipes = [Recipe.from_plain(run.recipe) for run in outcome.runs]
    plain = {"paper": "skeletal", "table": 3, "scale": "smoke", "data": "mpii", "seeds": [0], "input_divisor": 8}
    assert {name: manifest[name] for name in plain} == plain
    assert manifest["samples"]["train_count"] == 32 and manifest["samples"]["val_count"] == 12
    assert len(manifest["samples"]["train_fingerprint"]) == len(manifest["samples"]["val_fingerprint"]) == 16
    assert list(manifest["rows"]) == ROWS
    precision = manifest["computed_with"][0]["fast_precision"]
    assert manifest["rows"]["attention-weighted"] == (
        "32x32 · biased crops · ground-truth boxes · flip test, shifted · decoder WeightedInference · rescoring > 0.2 · "
        f"OKS-NMS 0.9 · from random weights · computed in {precision}"
    )
    assert manifest["recipes"] == {f"{row} seed 0": r.key for row, r in zip(ROWS, recipes, strict=True)}
    trainings = {recipe.training_key for recipe in recipes}
    assert set(manifest["trainings"]) == trainings and len(trainings) == 2
    assert {p.name for p in (places / "runs").iterdir() if p.is_dir()} == trainings
    assert {"commit", "dirty", "created", "minutes", "training_minutes"} <= set(manifest)
    assert {"python", "torch", "numpy", "pycocotools"} <= set(manifest["versions"])
    (computed,) = manifest["computed_with"]
    assert set(computed["trainings"]) == trainings
    assert computed["threads"] == computed["processes"] == 1 and computed["versions"] == manifest["versions"]


def test_the_recipes_are_those_of_the_scale(folder):
    first, second, third = (Recipe.from_plain(run.recipe) for run in Outcome.read(folder / "runs.json").runs)
    assert first.input.size == (32, 32) and first.method.network.backbone.width == 16
    smoke = SCALES["smoke"]
    assert first.optimisation.epochs == round(smoke.crops / 32) and first.optimisation.batch == smoke.batch
    assert second.training_key == third.training_key != first.training_key


def test_the_table_holds_printed_and_own_numbers(folder):
    table = pd.read_csv(folder / "table.csv").set_index(["row", "metric"])
    assert {row for row, _ in table.index} == set(ROWS)
    assert table.loc[("attention", "PCKh@0.5"), "printed"] == 90.5
    metrics = {run.row: run.metrics for run in Outcome.read(folder / "runs.json").runs}
    for row in ROWS:
        assert table.loc[(row, "PCKh@0.5"), "ours"] == pytest.approx(100 * metrics[row]["pckh@0.5"], abs=1e-3)
        assert table.loc[(row, "mean OKS"), "ours"] == pytest.approx(100 * metrics[row]["OKS"], abs=1e-3)
    step = table.loc[("attention", "PCKh@0.5")]
    ours = metrics["attention"]["pckh@0.5"] - metrics["hrnet"]["pckh@0.5"]
    assert step["step ours"] == pytest.approx(100 * ours, abs=1e-3)
    assert step["step"] == "printed" and pd.isna(step["verdict"])  # a smoke table
    text = (folder / "table.md").read_text()
    assert "90.5 / " in text and "hrnet → attention" in text


def test_the_notebook_was_executed_on_this_folder(folder):
    notebook = json.loads((folder / "notebook.ipynb").read_text())
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert all(cell["execution_count"] for cell in cells)
    outputs = [output for cell in cells for output in cell["outputs"]]
    assert not [output for output in outputs if output["output_type"] == "error"]
    text = "".join("".join(output.get("text", "")) for output in outputs)
    assert f"Result folder: {folder.name}\n" in text and "MPII Human Pose, scale smoke, seeds [0]; 32 training" in text
    assert sum(any(kind.startswith("image/") for kind in output.get("data", {})) for output in outputs) >= 3


def test_a_second_call_reuses_the_runs_and_leaves_a_folder_of_its_own(folder, places, monkeypatch):
    executed = []

    def shown(source, target, parameters) -> None:
        executed.append(parameters)
        target.write_text("{}")

    def never(*arguments, **named) -> None:
        raise AssertionError("a complete run was made again")

    monkeypatch.setattr(reproduce, "run_notebook", shown)
    monkeypatch.setattr(reproduce, "write_figures", lambda folder, outcome: None)
    monkeypatch.setattr(runs, "train", never)
    monkeypatch.setattr(runs, "evaluate", never)
    made = []
    for _ in range(2):  # within a second, as when two processes wait for the same last run
        done = command(places)
        assert done.exit_code == 0, done.output
        assert "3 runs from 2 trainings, 2 of them complete already" in done.output
        made += [p for p in folder.parent.iterdir() if p not in (folder, *made)]
    assert len(made) == 2
    assert [p["folder"] for p in executed] == [f"skeletal/table3/{place.name}" for place in made]
    for place in made:
        assert (place / "runs.json").read_bytes() == (folder / "runs.json").read_bytes()
        assert (place / "table.csv").read_bytes() == (folder / "table.csv").read_bytes()
    index = pd.read_csv(places / "results" / "index.csv")
    assert sorted(index["folder"]) == sorted(f"skeletal/table3/{p.name}" for p in (folder, *made))


def test_chosen_rows_make_a_folder_of_these_rows(folder, places, monkeypatch):
    monkeypatch.setattr(reproduce, "run_notebook", lambda source, target, parameters: target.write_text("{}"))
    before = set(folder.parent.iterdir())
    done = command(places, "--row", "attention")
    assert done.exit_code == 0, done.output
    (place,) = set(folder.parent.iterdir()) - before
    assert [run.row for run in Outcome.read(place / "runs.json").runs] == ["attention"]
    table = pd.read_csv(place / "table.csv").set_index(["row", "metric"])
    assert np.isnan(table.loc[("hrnet", "PCKh@0.5"), "ours"]) and table.loc[("hrnet", "PCKh@0.5"), "printed"] == 90.3
    assert np.isnan(table.loc[("attention", "PCKh@0.5"), "step ours"])


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (OSError(28, "No space left on device"), "[Errno 28] No space left on device"),
        (RuntimeError("Kernel died before replying to kernel_info"), "Kernel died before replying to kernel_info"),
        (ReproError("Reproduce it again."), "Reproduce it again."),
        (ValueError(), "ValueError"),
    ],
)
def test_tables_stay_when_their_notebook_fails_and_the_reason_is_said(error, why, folder, places, monkeypatch):
    def fail(*arguments) -> None:
        raise error

    monkeypatch.setattr(reproduce, "run_notebook", fail)
    monkeypatch.setattr(reproduce, "write_figures", lambda folder, outcome: None)
    before = set(folder.parent.iterdir())
    done = command(places)
    (place,) = set(folder.parent.iterdir()) - before
    assert done.exit_code == 2 and isinstance(done.exception, SystemExit)
    assert f"could not be executed ({why}); tables and figures are kept in {place}." in done.stderr
    assert f"{place} ({why}): mend the reason and give the same command again" in done.stderr
    assert (place / "table.csv").read_bytes() == (folder / "table.csv").read_bytes()
    assert json.loads((place / "manifest.json").read_text())["notebook_failed"] == why
    assert "notebook_failed" not in json.loads((folder / "manifest.json").read_text())


def test_drawing_figures_leaves_a_notebooks_way_of_showing_them_alone(folder, tmp_path):
    shutil.copy(folder / "examples.json", tmp_path)
    before = matplotlib.get_backend()
    plt.switch_backend("svg")
    try:
        reproduce.write_figures(tmp_path, Outcome.read(folder / "runs.json"))
        assert matplotlib.get_backend().lower() == "svg"
        assert not plt.get_fignums()
    finally:
        plt.switch_backend(before)
    assert len(list((tmp_path / "figures").iterdir())) == 3


@pytest.fixture
def coco_mini() -> Path:
    """COCO's layout with 68 persons to evaluate."""
    root = os.environ.get("REPRO_SAMPLES")
    if not root or not (Path(root) / "coco-mini").is_dir():
        pytest.skip("REPRO_SAMPLES does not name a folder with coco-mini.")
    return Path(root) / "coco-mini"


def true_boxes(root: Path, path: Path, change: Callable[[dict], dict] = lambda entry: entry) -> list[dict]:
    """Write the boxes of a data set's evaluation persons as a detector's file; the entries."""
    persons = load_persons("coco", root, "val")
    found = [
        {"image_id": int(i), "category_id": 1, "bbox": box, "score": 1.0}
        for i, box in zip(persons.image_ids, persons.boxes.tolist(), strict=True)
    ]
    path.write_text(json.dumps([change(dict(entry)) for entry in found]))
    return found


def detected(root: Path, boxes: Path, places: Path):
    """``repro reproduce`` of a row of cal table 1 at smoke scale with a detector's file."""
    fixed = ("--paper", "cal", "--table", "1", "--row", "hrnet-w32-128x96", "--scale", "smoke", "--data", "coco")
    arguments = ("reproduce", *fixed, "--data-root", str(root), "--boxes", str(boxes), "--device", "cpu", "--jobs", "1")
    return CliRunner().invoke(main, arguments)


def test_a_detectors_file_of_true_boxes_gives_what_true_boxes_give(places, coco_mini, tmp_path, monkeypatch):
    monkeypatch.setattr(reproduce, "run_notebook", lambda source, target, parameters: target.write_text("{}"))
    boxes = tmp_path / "boxes.json"
    true_boxes(coco_mini, boxes)
    done = detected(coco_mini, boxes, places)
    assert done.exit_code == 0, done.output
    outcome = Outcome.read(newest_folder("cal", 1) / "runs.json")
    (run,) = outcome.runs
    recipe = Recipe.from_plain(run.recipe)
    assert recipe.evaluation.boxes == boxes_name(boxes)
    manifest = json.loads((newest_folder("cal", 1) / "manifest.json").read_text())
    assert manifest["boxes"] == "boxes.json" and f"{boxes_name(boxes)} boxes" in manifest["rows"]["hrnet-w32-128x96"]
    assert earlier_rule(outcome) == ""

    samples, data = table_samples("cal", 1, "coco", coco_mini, SCALES["smoke"], boxes)
    known = Poses(samples.val.keypoints, np.ones(samples.val.visibility.shape))
    assert measure(samples.detected, known, recipe, samples.measures)["AP"] == pytest.approx(1)

    true = recipe.but(evaluation=replace(recipe.evaluation, boxes="truth"))
    assert data == recipe.data and true.training_key == recipe.training_key and true.key != recipe.key
    make_runs([true], samples, Machine(device="cpu", jobs=1))
    ours, theirs = runs.load_run(recipe), runs.load_run(true)
    np.testing.assert_allclose(load_poses(ours).points, load_poses(theirs).points, atol=1e-3)
    assert len(samples.val) >= 32 and ours.metrics["AP"] == pytest.approx(theirs.metrics["AP"], abs=1e-6)
    assert "OKS" in theirs.metrics and "OKS" not in ours.metrics

    def worse(entry: dict) -> dict:
        return entry | {"bbox": [entry["bbox"][0] + entry["bbox"][2], *entry["bbox"][1:]]}

    true_boxes(coco_mini, boxes, worse)  # beside the persons
    monkeypatch.setattr(runs, "train", None)  # another file is another evaluation, not another training
    done = detected(coco_mini, boxes, places)
    assert done.exit_code == 0, done.output
    other = Recipe.from_plain(Outcome.read(newest_folder("cal", 1) / "runs.json").runs[0].recipe)
    assert other.key != recipe.key and other.training_key == recipe.training_key
    assert np.abs(load_poses(runs.load_run(other)).points - load_poses(ours).points).mean() > 5


def test_a_detectors_file_of_other_images_is_refused_before_training(places, coco_mini, tmp_path):
    boxes = tmp_path / "boxes.json"
    true_boxes(coco_mini, boxes, lambda entry: entry | {"image_id": entry["image_id"] + (entry["image_id"] % 2)})
    done = detected(coco_mini, boxes, places)
    assert done.exit_code == 2
    assert "person_keypoints_val2017.json has not, the first in image" in " ".join(done.output.split())
