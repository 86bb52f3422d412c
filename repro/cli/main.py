"""The command line: ``repro reproduce``, ``list``, ``data``, ``results``, ``notebooks``, ``warm-start`` and the experiments.

A command imports what it needs when it runs, so that listing tables does not wait for torch.

A mistake of the user ends in one sentence on stderr and exit code 2, never in a traceback.
"""

from __future__ import annotations

import errno
import sys
from dataclasses import replace
from typing import Any, cast

import click

from repro import paths
from repro.cli.experiments import COMMANDS
from repro.cli.fetch import fetch_command
from repro.cli.gpu_check import gpu_check
from repro.errors import ReproError, choice_error
from repro.papers import PAPERS
from repro.scales.lengths import parse_length, written
from repro.support import processes
from repro.support.options import (
    check_keep,
    device_option,
    optional_path,
    parse_machine,
    parse_minutes,
    parse_number,
    parse_rows,
    parse_seeds,
    parse_switch,
    say_version,
    writing,
)
from repro.support.surroundings import settle

# What a file or folder can refuse for reasons that lie outside the package; other errors of the system keep their traceback.
OUTSIDE = (
    *(errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.EISDIR),
    *(errno.ENAMETOOLONG, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EIO),
)


class Group(click.Group):
    """Turns ReproError, and what the system refuses, into click's own error, for every command below it."""

    def invoke(self, context: click.Context) -> object:
        """Run the command."""
        try:
            return super().invoke(context)
        except ReproError as error:
            raise click.UsageError(str(error)) from error
        except OSError as error:
            if error.errno not in OUTSIDE:
                raise
            raise click.UsageError(
                f"{error.filename or 'A file'} cannot be read or written ({error.strerror}): mend that, or name a folder "
                "elsewhere in REPRO_RUNS, REPRO_RESULTS or REPRO_CACHE."
            ) from error


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=say_version, help="Show the version."
)
def main() -> None:
    """Reproduce the tables of five papers on heatmap-based human pose estimation."""
    settle()


@main.command()
@click.option("--paper", default="", help="key of the paper; all papers that have this table when empty")
@click.option("--table", required=True, help="number of the table")
@click.option("--row", "rows", default="", help="slugs of rows, separated by commas; all when empty")
@click.option("--scale", default="laptop", show_default=True, help="smoke, laptop, gpu or paper")
@click.option(
    "--length", default="", help="of all trainings: 1/8, 1/4, 1/2, 1, 2, 4 or 8 times the scale's; 1 when empty"
)
@click.option("--minutes", default="", help="that all may take here: the largest length that fits is taken")
@click.option(
    "--plan", default="", is_flag=False, flag_value="1", help="say what would be made, with its costs, and stop"
)
@click.option("--data", default="people", show_default=True, help="name of the data set")
@click.option("--data-root", default="", help="folder of the data set")
@click.option(
    "--boxes", default="", help="detector's file in COCO's result format, for tables evaluated with its boxes"
)
@click.option("--seeds", default="0", show_default=True, help="as in 0 or 0,1,2 or 0-2")
@click.option("--start", default="warm", show_default=True, help="warm, random, or a checkpoint (official HRNet, timm)")
@device_option
@click.option("--threads", default="1", show_default=True, help="threads a training computes with on a CPU")
@click.option("--jobs", default="0", show_default=True, help="trainings side by side; 0: one a core or GPU")
@click.option("--workers", default="0", show_default=True, help="processes a training reads images with")
@click.option(
    "--compile", "compiled", default="off", show_default=True, help="off, auto, graphs (on a GPU) or inductor"
)
def reproduce(
    paper: str,
    table: str,
    rows: str,
    scale: str,
    length: str,
    minutes: str,
    plan: str,
    data: str,
    data_root: str,
    boxes: str,
    seeds: str,
    start: str,
    device: str,
    threads: str,
    jobs: str,
    workers: str,
    compiled: str,
) -> None:
    """Train and evaluate the rows of a table, of one paper or of all that have it, and write their result folders."""
    if not table.strip():
        raise ReproError("TABLE is missing: name one as in TABLE=2; `repro list` shows all.")
    number = parse_number("TABLE", table, 1, 99)
    papers = _papers_with(paper, number)
    seed_list, only = parse_seeds(seeds), parse_rows(rows)
    factor, most = parse_length(length or 1), parse_minutes(minutes, length)
    planned = parse_switch("PLAN", plan)
    settings = parse_machine(threads, jobs, workers)
    import matplotlib

    from repro.data.image_sources import known_data
    from repro.papers.recipes import table_rows
    from repro.runs.schedule import Machine
    from repro.scales.scale import get_scale
    from repro.tables.budget import fitting_length, say_plan
    from repro.tables.last_step import check_notebooks
    from repro.tables.reproduce import reproduce_tables, say_result, say_where
    from repro.tables.request import Request, check_requests
    from repro.tables.start import take_start
    from repro.training.device import checked_compiled
    from repro.training.distributed import choose_device

    matplotlib.use("Agg")  # figures go to files; a notebook that reproduces keeps its own way of showing them
    chosen, machine = get_scale(scale).of_length(factor), Machine(device, *settings, checked_compiled(compiled))
    known_data(data)
    choose_device(device)
    processes.check_started()
    root, file = optional_path("DATA_ROOT", data_root), optional_path("BOXES", boxes)
    requests = []
    for key in papers:
        if table_rows(key, number) is not None:
            requests.append(Request(key, number, chosen, data, root, seed_list, only, boxes=file))
            continue
        text = f"{key} table {number}: not yet reproducible, no row of it has a recipe."
        if paper:
            raise ReproError(text + " `repro list` shows the tables that have.")
        click.echo(text)
    if requests:
        check_requests(requests)
        taken = take_start(start, requests)
        requests = [replace(request, start=taken) for request in requests]
    if requests and most is not None:
        factor = fitting_length(requests, machine, most)
        requests = [replace(request, scale=request.scale.of_length(factor)) for request in requests]
    if requests and processes.leads():
        names = ", ".join(request.paper for request in requests)
        at = "" if factor == 1 else f" at length {written(factor)}"
        click.echo(f"Table {number} of {names} on {data}, scale {scale}{at} ({chosen.description}), seeds {seeds}")
    if planned:
        say_plan(requests, machine)
        return
    folders = []
    for folder in reproduce_tables(requests, machine, advise=not (length or minutes)):
        if folder is not None:
            say_result(folder)
            folders.append(folder)
    if len(folders) > 1:
        say_where(folders)
    check_notebooks(folders)


def _papers_with(paper: str, number: int) -> list[str]:
    """The papers asked for that have a table of this number. Raises ReproError for none."""
    if paper and paper not in PAPERS:
        raise choice_error("PAPER", paper, PAPERS)
    if paper:
        PAPERS[paper].table(number)
        return [paper]
    have = [key for key, p in PAPERS.items() if number in {t.number for t in p.tables}]
    if not have:
        raise choice_error("TABLE", number, sorted({t.number for p in PAPERS.values() for t in p.tables}))
    return have


@main.command("warm-start")
@click.option("--scale", default="laptop", show_default=True, help="smoke, laptop or gpu")
@click.option("--width", default="32", show_default=True, help="width of the papers' HRNet")
@click.option("--depth", default="", help="of a ResNet, 50, 101 or 152, in place of the HRNet")
@device_option
@click.option("--keep", is_flag=True, help="keep it in the package, not in runs/weights")
@writing("REPRO_RUNS")
def warm_start(scale: str, width: str, depth: str, device: str, keep: bool) -> None:
    """Train the backbone that all rows start from, on the body parts of drawn people."""
    check_keep(keep)
    from repro.models.backbones.hrnet import HRNet
    from repro.models.backbones.resnet import ResNet
    from repro.pretraining.warm_start import make_warm_start
    from repro.scales.scale import get_scale

    deep, wide = parse_number("depth", depth, 1) if depth else 0, parse_number("width", width, 1, 256)
    backbone = ResNet(depth=cast(Any, deep)) if depth else HRNet(width=wide)
    click.echo(f"Kept in {make_warm_start(get_scale(scale), backbone, device, keep=keep)}")


@main.command()
@device_option
@click.option("--keep", is_flag=True, help="keep it in the package, not in runs/weights")
@writing("REPRO_RUNS")
def enlarger(device: str, keep: bool) -> None:
    """Train the small super-resolution network that stands for SPSR in table 2 of cal."""
    check_keep(keep)
    from repro.pretraining.enlarger import make_enlarger

    processes.take_one_thread()
    click.echo(f"Kept in {make_enlarger(device, keep=keep)}")


for command in (*COMMANDS, gpu_check, fetch_command):
    main.add_command(command)


@main.command("list")
def list_tables() -> None:
    """List papers, tables and rows, and which of them can be run."""
    from repro.papers.recipes import shown_rows, table_rows

    for key, paper in PAPERS.items():
        click.echo(f"{key}: {paper.title}")
        for spec in paper.tables:
            found = table_rows(key, spec.number)
            rows = shown_rows(key, spec.number)
            can = len(found.rows) if found else 0
            click.echo(f"  table {spec.number}: {spec.caption} ({can} of {len(rows)} rows can be run)")
            for row, kind in zip(rows["row"], rows["kind"], strict=True):
                state = (
                    "recipe"
                    if found and row in found.rows
                    else ("cited" if kind == "cited" else "not yet reproducible")
                )
                click.echo(f"    {row} [{kind}, {state}]")


@main.command()
@click.argument("names", nargs=-1)
def notebooks(names: tuple[str, ...]) -> None:
    """Execute the committed notebooks in place: all, or those whose path contains one of NAMES."""
    from repro.tables.notebooks import committed_notebooks, run_in_place

    known = {path.relative_to(paths.NOTEBOOKS).as_posix(): path for path in committed_notebooks()}
    for name in names:
        if not any(name in one for one in known):
            raise choice_error("notebook", name, known)
    for one, path in known.items():
        if not names or any(name in one for name in names):
            click.echo(one)
            run_in_place(path)


@main.group()
def data() -> None:
    """Data sets: check them before training."""


@data.command()
@click.argument("name")
@click.option("--root", default="", help="folder of the data set")
@click.option("--split", default="", help="train, val or, of CrowdPose, test; all when empty")
@click.option("--decode", is_flag=True, help="decode every image as well")
def check(name: str, root: str, split: str, decode: bool) -> None:
    """Validate a data set: names the file, the item and the field of everything that is wrong."""
    from repro.data.check import check_data, format_problems, not_looked_at

    problems = check_data(name, optional_path("DATA_ROOT", root), split or None, decode=decode)
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
    """Print statistics of a data set's persons and keep them in results/people/statistics.json."""
    import json

    from repro import paths
    from repro.data.sources import load_persons
    from repro.data.statistics import person_statistics
    from repro.support.sealed import Damaged, read_json, write_json

    persons = load_persons(name, optional_path("DATA_ROOT", root), split, limit=12_000)
    path = paths.results() / "people" / "statistics.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    known = read_json(path) if path.exists() else {}
    if not isinstance(known, dict):
        raise Damaged(path, "holds no statistics by name")
    write_json(path, known | {label or f"{name} {split}": person_statistics(persons)})
    click.echo(f"{json.dumps(person_statistics(persons), indent=1)}\nKept in {path}")


@data.command()
@click.argument("path", default="people.png")
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


@main.group()
def results() -> None:
    """Result folders: list and compare them."""


@results.command("list")
def list_results() -> None:
    """List the result folders."""
    from repro.reporting.folders import manifests

    found = manifests()
    for name, m in found.items():
        dirty = ", dirty" if m.get("dirty") else ""
        commit = (m.get("commit") or "no git")[:7]
        click.echo(f"{name}  seeds {m['seeds']}  {len(m['rows'])} rows  {m.get('minutes')} min  commit {commit}{dirty}")
    if not found:
        click.echo("No result folders yet: run `make reproduce PAPER=skeletal TABLE=3`.")


@results.command("diff")
@click.argument("first")
@click.argument("second")
def diff_results(first: str, second: str) -> None:
    """Show what differs between two result folders: numbers, verdicts, provenance."""
    from repro.reporting.folders import compare_folders, find_folder

    changed, fields = compare_folders(find_folder(first), find_folder(second))
    click.echo("Numbers: none differ." if changed.empty else changed.to_string(index=False))
    for name, (a, b) in fields.items():
        click.echo(f"{name}:\n  A {a}\n  B {b}")
