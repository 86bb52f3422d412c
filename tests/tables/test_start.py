"""What START names: it fits the rows that are to start from it, or nothing is copied and one sentence says why."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

from repro.cli.main import main
from repro.errors import ReproError
from repro.models.checkpoints import file_sha256
from repro.papers.recipes import table_rows
from repro.recipe import Data
from repro.scales.scale import SCALES
from repro.skeletons.skeleton import COCO17
from repro.tables.plan import table_recipes
from repro.tables.request import Request
from repro.tables.start import take_start
from repro.training.warm_start import WEIGHT_SIZE, choose_start, initialisation_for, weight_files

SMOKE = SCALES["smoke"]
DATA = Data(name="people", train_fingerprint="", train_count=1, val_fingerprint="", val_count=1)


def request(*rows: str, paper: str = "cal", table: int = 8, scale: str = "smoke") -> Request:
    return Request(paper, table, SCALES[scale], "people", None, (0,), rows)


def network_of(asked: Request, row: str):
    """The settings of a row's network."""
    recipes = table_recipes(asked.paper, asked.table, asked.scale, DATA, (0,), (row,), "random")
    return recipes[row, 0].method.network


def weights_of(asked: Request, row: str) -> dict[str, torch.Tensor]:
    return network_of(asked, row).build(COCO17).state_dict()


def left(places: Path) -> list[Path]:
    return list((places / "runs").rglob("*"))


CAL = request("udp-w32-64x48")


@pytest.mark.parametrize("word", ["warm", "random"])
def test_words_are_words(word, places):
    assert take_start(word, [CAL]) == word


def test_weights_that_fit_are_taken_in_and_offered_by_their_name(places):
    torch.save({f"module.{n}": t for n, t in weights_of(CAL, CAL.rows[0]).items()}, places / "mine.pth")
    name = take_start(str(places / "mine.pth"), [CAL])
    assert name == f"mine-{file_sha256(places / 'mine.pth')[:8]}" and name in weight_files()
    again = [name, str(places / "mine.pth"), str(places / "runs" / "weights" / f"{name}.safetensors")]
    written = (places / "runs" / "weights" / f"{name}.safetensors").stat().st_mtime_ns
    assert [take_start(one, [CAL]) for one in again] == [name] * 3
    assert (places / "runs" / "weights" / f"{name}.safetensors").stat().st_mtime_ns == written
    assert choose_start(name, network_of(CAL, CAL.rows[0]).backbone).size is None


def wrong_files() -> dict[str, object]:
    """Contents that no row can start from."""
    state = weights_of(CAL, CAL.rows[0])
    name = "stage3.0.branches.2.1.conv2.weight"
    shared = torch.zeros(4)
    return {
        "names": {"a": shared, "b": shared},
        "empty": {},
        "shape": {**state, name: state[name][:-1]},
        "missing": {n: t for n, t in state.items() if n != name},
        "more": {**state, "stage5.weight": torch.ones(1)},
        "whole": {**state, name: state[name].to(torch.int8)},
        "nan": {**state, name: torch.full_like(state[name], float("nan"))},
        "inf": {**state, name: torch.full_like(state[name], float("inf"))},
        "huge": {**state, name: torch.ones(1).expand(10**6, 10**6)},
        "sparse": {**state, name: torch.ones(3, 3).to_sparse()},
        "meta": {**state, name: state[name].to("meta")},
        "quantised": {**state, name: torch.quantize_per_tensor(state[name], 0.1, 0, torch.qint8)},
    }


@pytest.mark.parametrize("kind", ["names", "empty", "shape", "missing", "more", "whole", "nan", "inf", "huge", "sparse", "meta",
                                  "quantised"])  # fmt: skip
def test_weights_that_do_not_fit_leave_nothing(kind, places):
    torch.save(wrong_files()[kind], places / "wrong.pth")
    before = set(weight_files())
    with pytest.raises(ReproError, match=r"wrong\.pth"):
        take_start(str(places / "wrong.pth"), [CAL])
    assert left(places) == [] and set(weight_files()) == before


def test_every_row_is_looked_at_before_the_first_is_trained(places):
    """Table 9 of cal has HRNets and ResNets."""
    asked = request(paper="cal", table=9)
    rows = list(table_rows("cal", 9).rows)
    hrnet = next(row for row in rows if row.startswith("hrnet"))
    torch.save(weights_of(asked, hrnet), places / "one.pth")
    with pytest.raises(
        ReproError, match=rf"these rows cannot start from: ipr.* of cal 9.*ROW= those that can: {hrnet} of cal 9"
    ):
        take_start(str(places / "one.pth"), [asked])
    assert left(places) == []
    assert take_start(str(places / "one.pth"), [request(hrnet, paper="cal", table=9)]).startswith("one-")


def test_the_published_size_is_said_to_need_a_larger_scale(places):
    torch.save(
        weights_of(request("hrnet-w32-128x96", paper="cal", table=1, scale="gpu"), "hrnet-w32-128x96"),
        places / "w32.pth",
    )
    small = request("hrnet-w32-128x96", paper="cal", table=1)
    with pytest.raises(ReproError, match="no row that was asked for can start from.*SCALE=gpu or SCALE=paper"):
        take_start(str(places / "w32.pth"), [small])
    assert take_start(str(places / "w32.pth"), [request("hrnet-w32-128x96", paper="cal", table=1, scale="gpu")])


@pytest.mark.parametrize("kind", ["imagenet w32", "imagenet w48", "torchvision of before 2018"])
def test_published_classifiers_are_a_start(kind, places):
    row = {"imagenet w32": "hrnet-w32-128x96", "imagenet w48": "hrnet-w48-128x96"}.get(
        kind, "simplebaseline-r50-128x96"
    )
    asked = request(row, paper="cal", table=1, scale="gpu")
    state = {n: t for n, t in weights_of(asked, row).items() if not n.startswith(("final_layer", "deconv"))}
    if kind != "imagenet w32":
        state = {n: t for n, t in state.items() if not n.endswith("num_batches_tracked")}
    head = {f"head.0.{i}.0.conv1.weight": torch.zeros(4, 4, 1, 1) for i in range(4)} | {"fc.weight": torch.zeros(10, 4)}
    torch.save({**state, **head}, places / "published.pth")
    assert take_start(str(places / "published.pth"), [asked]).startswith("published-")


def test_a_name_that_promises_another_content_is_refused(places):
    torch.save(weights_of(CAL, CAL.rows[0]), places / "a.pth")
    right = places / f"hrnet-{file_sha256(places / 'a.pth')[:8]}.pth"
    wrong = places / "hrnet-36af842e.pth"
    for file in (right, wrong):
        file.write_bytes((places / "a.pth").read_bytes())
    with pytest.raises(ReproError, match=r"hrnet-36af842e\.pth says that its SHA-256 begins with 36af842e"):
        take_start(str(wrong), [CAL])
    assert left(places) == [] and take_start(str(right), [CAL]) in weight_files()


@pytest.mark.parametrize("name", ["enlarge-me", "enlarge-x2", "people-parts-w16-88d32e", ".hidden", "a b", "é", "warm", "x" * 200,
                                  "state\n"])  # fmt: skip
def test_a_file_of_any_name_is_taken_in_and_known_by_it(name, places):
    torch.save(weights_of(CAL, CAL.rows[0]), places / f"{name}.pth")
    taken = take_start(str(places / f"{name}.pth"), [CAL])
    assert taken in weight_files() and taken.isprintable() and take_start(taken, [CAL]) == taken
    assert "enlarge-x2" not in weight_files()
    assert initialisation_for(network_of(CAL, CAL.rows[0]).backbone).size == WEIGHT_SIZE


@pytest.mark.parametrize(
    "damage", ["cut", "flip", "remove", "manifest cut", "manifest list", "manifest other", "manifest gone"]
)
def test_what_was_taken_in_and_damaged_is_not_offered_or_used_but_taken_in_again(damage, places):
    torch.save(weights_of(CAL, CAL.rows[0]), places / "mine.pth")
    name = take_start(str(places / "mine.pth"), [CAL])
    manifest, tensors = (places / "runs" / "weights" / f"{name}{end}" for end in (".json", ".safetensors"))
    content = tensors.read_bytes()
    {
        "cut": lambda: tensors.write_bytes(content[:-100]),
        "flip": lambda: tensors.write_bytes(content[:-100] + bytes(100)),
        "remove": tensors.unlink,
        "manifest cut": lambda: manifest.write_text(manifest.read_text()[:20]),
        "manifest list": lambda: manifest.write_text("[]"),
        "manifest other": lambda: manifest.write_text(json.dumps({"sha256": "0" * 64})),
        "manifest gone": manifest.unlink,
    }[damage]()
    with pytest.raises(ReproError, match=name if damage in ("cut", "flip", "manifest other") else "Unknown START"):
        choose_start(name, network_of(CAL, CAL.rows[0]).backbone)
    assert take_start(str(places / "mine.pth"), [CAL]) == name
    assert choose_start(name, network_of(CAL, CAL.rows[0]).backbone).name == name and tensors.read_bytes() == content


def test_a_start_without_effect_is_refused(places):
    torch.save(weights_of(CAL, CAL.rows[0]), places / "a.pth")
    with pytest.raises(ReproError, match="has no effect"):
        take_start(str(places / "a.pth"), [request(paper="hgr", table=1)])
    assert left(places) == []


@pytest.mark.parametrize("given", ["", "nothing", "/", "/dev/null", "x" * 5000, "~nobody-of-this-name/x.pth", "\udcff"])
def test_what_names_no_file_is_one_sentence(given, places):
    arguments = ("reproduce", "--table", "8", "--paper", "cal", "--scale", "smoke", "--start", given)
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 2 and isinstance(result.exception, SystemExit) and "START" in result.output
    assert left(places) == []
