"""The commands of data sets: ``repro data check``, ``statistics``, ``preview`` and ``export``."""

from __future__ import annotations

import sys

import click

from repro import paths
from repro.errors import choice_error
from repro.support.options import optional_path, parse_number, writing


@click.group()
def data() -> None:
    """Data sets: check them before training."""


@data.command()
@click.argument("name")
@click.option("--root", default="", help="folder of the data set")
@click.option("--split", default="", help="train, val or, of CrowdPose, test; all when empty")
@click.option("--skeleton", default="", help="TOML on own keypoints, of DATA=coco-format")
@click.option("--decode", is_flag=True, help="decode every image as well")
def check(name: str, root: str, split: str, skeleton: str, decode: bool) -> None:
    """Validate a data set: names the file, the item and the field of everything that is wrong."""
    from repro.data.catalogue import skeleton_given
    from repro.data.check import check_data, format_problems, not_looked_at

    folder = optional_path("DATA_ROOT", root)
    own = skeleton_given(name, folder, optional_path("SKELETON", skeleton))
    problems = check_data(name, folder, split or None, decode=decode, skeleton=own)
    click.echo(format_problems(problems))
    click.echo(not_looked_at(name, split or None, decode=decode))
    if any(problem.severity == "error" for problem in problems):
        sys.exit(1)


@data.command()
@click.argument("name")
@click.option("--root", default="", help="folder of the data set")
@click.option("--split", default="train", show_default=True, help="train or val")
@click.option("--label", default="", help="name that the statistics are kept under; the data set's when empty")
@writing("REPRO_RESULTS")
def statistics(name: str, root: str, split: str, label: str) -> None:
    """Print statistics of a data set's persons and keep them in people/statistics.json of the results."""
    import json

    from repro.data.catalogue import load_persons
    from repro.data.statistics import person_statistics
    from repro.support.sealed import Damaged, read_json, write_json

    persons = load_persons(name, optional_path("DATA_ROOT", root), split, limit=12_000)
    path = paths.new_results() / "people" / "statistics.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    known = read_json(path) if path.exists() else {}
    if not isinstance(known, dict):
        raise Damaged(path, "holds no statistics by name")
    write_json(path, known | {label or f"{name} {split}": person_statistics(persons)})
    click.echo(f"{json.dumps(person_statistics(persons), indent=1)}\nKept in {path}")


@data.command()
@click.argument("path", default="people.jpg")
@click.option("--kind", default="persons", show_default=True, help="persons or scenes")
@click.option("--skeleton", default="coco17", show_default=True, help="of the drawn people")
@click.option("--count", default="48", show_default=True, help="images on the sheet")
@click.option("--split", default="val", show_default=True, help="train, val or test")
def preview(path: str, kind: str, skeleton: str, count: str, split: str) -> None:
    """Write a contact sheet of drawn people with their keypoints to PATH."""
    from repro.data.drawn.load import load_people, load_scenes
    from repro.data.drawn.preview import person_sheet, scene_sheet, write_sheet

    number, target = parse_number("count", count, 1), paths.user_path("PATH", path)
    if kind == "persons":
        sheet = person_sheet(load_people(split, skeleton, limit=number, size=(96, 128)), count=number)
    elif kind == "scenes":
        sheet = scene_sheet(load_scenes(split, skeleton, limit=number), count=number)
    else:
        raise choice_error("kind", kind, ("persons", "scenes"))
    click.echo(f"Written to {write_sheet(target, sheet)}")


@data.command()
@click.argument("folder")
@click.option("--kind", default="scenes", show_default=True, help="persons or scenes")
@click.option("--skeleton", default="coco17", show_default=True, help="coco17, mpii16, crowdpose14 or wholebody133")
@click.option("--train", default="1000", show_default=True, help="training images")
@click.option("--val", default="200", show_default=True, help="validation images")
def export(folder: str, kind: str, skeleton: str, train: str, val: str) -> None:
    """Write drawn people as image files and annotations in the real data sets' formats to FOLDER."""
    from repro.data.drawn.export import export_people

    if kind not in ("persons", "scenes"):
        raise choice_error("kind", kind, ("persons", "scenes"))
    counts = {"train": parse_number("train", train, 1), "val": parse_number("val", val, 1)}
    size = (512, 512) if kind == "scenes" else (192, 256)
    for file in export_people(paths.user_path("FOLDER", folder), skeleton, kind=kind, counts=counts, size=size):
        click.echo(f"Written {file}")
