"""The page of a result folder: table, steps, figures, protocol, and where every number comes from."""

from __future__ import annotations

import io
import re
import shutil
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from repro.papers import PAPERS
from repro.recipe import Recipe
from repro.reporting import figures
from repro.reporting.examples import read_examples
from repro.reporting.factors import factor_curves
from repro.reporting.folders import read_manifest
from repro.reporting.gains import gain_bars, has_gains
from repro.reporting.keypoint_factors import factor_poses, factor_spread
from repro.reporting.labels import typeset
from repro.reporting.outcome import Outcome
from repro.reporting.pose_sheet import pose_grid, save_photograph
from repro.site.figure_texts import curves_of_factors_text, factor_poses_text, gains_text, spread_text
from repro.site.markdown import bullet_list, cell, folded, frame_table, image, pipe_table, toctree
from repro.site.source import commit_text, parts_of
from repro.tables.plan import outcome_skeleton
from repro.tables.view import TableView

PHOTOGRAPHS = ("poses", "factor-poses")  # figures that show images
KEPT = ("table.csv", "runs.json", "manifest.json")  # of a result folder, that the page lets one download


def page_name(paper: str, number: int, version: str = "") -> str:
    """The page of a table, or of one of its other result folders, without its suffix."""
    short = re.sub(r"-\d{8}T\d{6}-\w+(?=$|-\d+$)", "", version)
    return f"tables/{paper}-{number}" + (f"-{short}" if short else "")


def write_table_page(
    view: TableView, pages: Path, name: str, address: str, others: dict[str, str], *, first: bool
) -> None:
    """Write the page of a result folder with its figures.

    Args:
        view: the result folder.
        pages: folder of all pages.
        name: the name of the page, from ``page_name``.
        address: the address that commits are linked at; may be empty.
        others: pages of the table's other result folders, by what they were made with.
        first: whether this is the table's own page, which the others lie below.
    """
    folder, manifest = view.folder, read_manifest(view.folder)
    kept = pages / "files" / Path(name).name
    kept.mkdir(parents=True, exist_ok=True)
    for file in KEPT:
        shutil.copyfile(folder / file, kept / file)
    outcome = view.outcome
    spec = PAPERS[outcome.paper].table(outcome.table)
    parts = [
        f"# {outcome.paper} table {outcome.table}: {typeset(cell(spec.caption))}",
        *_heading(view),
        *([f"Also made: {', '.join(f'[{what}](/{page}.md)' for what, page in others.items())}.\n"] if others else []),
        toctree(others.values(), hidden=True) if first else "",
        "## Table\n",
        "Numbers are `printed / ours`, with their deviation over seeds. Only steps between rows can be compared: at a reduced "
        "scale, or on other data, the numbers themselves are not the paper's.\n",
        frame_table(view.table()),
        *_steps(view),
        *_figures(view, pages, Path(name).name),
        "## Protocol\n",
        _protocol(view),
        "## Provenance\n",
        _provenance(manifest, address, Path(name).name),
    ]
    target = pages / f"{name}.md"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text("\n".join(parts), encoding="utf-8")


def _heading(view: TableView) -> list[str]:
    """What was printed and what was made; rows that the paper does not have, folded."""
    lines = [typeset(cell(line)) for line in _printed(view.heading)[1:]]
    added = [line for line in lines if line.startswith("Added row")]
    parts = [bullet_list(line for line in lines if line not in added)]
    return parts + ([folded(f"{len(added)} added rows", bullet_list(added))] if added else [])


def _printed(say: Any) -> list[str]:
    """The lines that a function prints."""
    with redirect_stdout(io.StringIO()) as text:
        say()
    return text.getvalue().splitlines()


def _steps(view: TableView) -> list[str]:
    """How many steps have which verdict, the steps that are judged, and the others, folded."""
    steps, others = view.steps(), view.other_steps()
    if steps.empty and others.empty:
        return []
    parts = ["## Steps\n", bullet_list(typeset(cell(line)) for line in _printed(view.verdicts))]
    parts += [frame_table(steps)] if not steps.empty else []
    parts += (
        [folded(f"{len(others)} steps in the other columns, which are not judged", frame_table(others))]
        if not others.empty
        else []
    )
    return parts


def _figures(view: TableView, pages: Path, name: str) -> list[str]:
    """The figures of a table, drawn anew, each with what it shows."""
    if not view.outcome.runs:
        return []
    place = pages / "figures"
    place.mkdir(exist_ok=True)
    lines = ["## Figures\n"]
    for kind, figure, alt in _drawn(view):
        file = place / f"{name}-{kind}.{'jpg' if kind in PHOTOGRAPHS else 'png'}"
        if kind in PHOTOGRAPHS:
            save_photograph(figure, file)
        else:
            figure.savefig(file, dpi=100)
        plt.close(figure)
        lines.append(image(f"/figures/{file.name}", alt))
    return lines


def _drawn(view: TableView) -> list[tuple[str, Figure, str]]:
    """The figures of a table that was run: the kind, the figure and what it shows in words."""
    outcome, labels = view.outcome, figures.row_labels(view.outcome)
    drawn = [("learning-curves", figures.learning_curves(outcome), curves_text(outcome))]
    if (view.folder / "examples.json").exists():
        shown = figures.pose_labels(outcome)
        grid = pose_grid(read_examples(view.folder), shown, outcome_skeleton(outcome))
        drawn.append(("poses", grid, poses_text(shown)))
    if figures.has_keypoints(outcome):
        drawn.append(("keypoints", figures.keypoint_bars(outcome), bars_text("Similarity of each kind of keypoint", view)))
    if figures.has_errors(outcome):
        drawn.append(("errors", figures.error_bars(outcome), bars_text("Shares of the kinds of errors", view)))
    if has_gains(outcome):
        drawn.append(("error-gains", gain_bars(outcome), gains_text(outcome)))
    if any(run.factors for run in outcome.runs):
        drawn.append(("factors", factor_curves(outcome), curves_of_factors_text(outcome)))
    if (kept := view.factors) is not None:
        skeleton = outcome_skeleton(outcome)
        drawn.append(("keypoint-factors", factor_spread(kept, labels, skeleton), spread_text(kept, labels, skeleton)))
        drawn.append(("factor-poses", factor_poses(kept, labels), factor_poses_text(kept, labels)))
    return drawn


def curves_text(outcome: Outcome) -> str:
    """The learning curves in words: what each row ends at."""
    labels, ends = figures.row_labels(outcome), []
    metrics = figures.curve_metrics(outcome)[:1]
    for metric, label in metrics:
        for row, name in labels.items():
            last = [
                run.curve[-1][metric]
                for run in outcome.runs
                if run.row == row and run.curve and metric in run.curve[-1]
            ]
            found = [value for value in last if value is not None]
            if found:
                ends.append(f"{name} {100 * sum(found) / len(found):.1f}")
        return f"Learning curves: {label} against what was seen in training. At the end: {', '.join(ends)}."
    return "Learning curves: nothing was measured."


def poses_text(labels: dict[str, str]) -> str:
    """The sheet of poses in words."""
    rows = ", ".join(labels.values())
    return f"Poses of a few evaluation images: the truth in grey, and those of each row with their similarity to it: {rows}."


def bars_text(what: str, view: TableView) -> str:
    """A figure of bars in words."""
    return f"{what}, a bar for each of {', '.join(figures.row_labels(view.outcome).values())}."


def _protocol(view: TableView) -> str:
    """The protocol of each row, and the parts that it is made of."""
    if not view.outcome.runs:
        return "Counted at the printed size; nothing is evaluated.\n"
    protocol = view.protocol()
    first = {run.row: Recipe.from_plain(run.recipe) for run in reversed(view.outcome.runs)}
    labels = figures.row_labels(view.outcome)
    parts = [{"row": cell(labels[row]), **parts_of(first[row])} for row in labels]
    return "\n".join(
        [frame_table(protocol), "### Parts\n", pipe_table(parts[0], ([*map(str, line.values())] for line in parts))]
    )


def _provenance(manifest: dict[str, Any], address: str, name: str) -> str:
    """Where the numbers of a folder come from."""
    trainings = manifest.get("computed_with", [])
    lines = [
        ("made", manifest["created"]),
        ("code", commit_text(manifest.get("commit"), address) + (", with changes" if manifest.get("dirty") else "")),
        ("data", cell(_data_text(manifest))),
        ("seeds", ", ".join(map(str, manifest["seeds"])) or "none"),
        ("trainings", _trainings_text(manifest)),
        ("device", f"{cell(manifest.get('device'))}, {manifest.get('threads')} threads"),
        ("versions", ", ".join(f"{package} {version}" for package, version in manifest.get("versions", {}).items())),
        (
            "trained with",
            "; ".join(f"{commit_text(one.get('commit'), address)} on {one.get('device')}" for one in trainings),
        ),
        ("files", ", ".join(f"{{download}}`{file} </files/{name}/{file}>`" for file in KEPT)),
    ]
    recipes = "".join(f"{row}: `{key}`, " for row, key in manifest.get("recipes", {}).items()).rstrip(", ")
    text = pipe_table(("", ""), ([what, said] for what, said in lines if said))
    return text + ("\n" + folded("Recipes of all runs", recipes) if recipes else "")


def _data_text(manifest: dict[str, Any]) -> str:
    samples = manifest.get("samples")
    if not samples:
        return "none"
    return (
        f"{samples['name']}: {samples['train_count']} to train on (fingerprint {samples['train_fingerprint']}), "
        f"{samples['val_count']} to evaluate (fingerprint {samples['val_fingerprint']})"
    )


def _trainings_text(manifest: dict[str, Any]) -> str:
    count = len(manifest.get("trainings", {}))
    minutes = manifest.get("training_minutes")
    return f"{count}, {minutes} minutes in all" if minutes is not None and count else str(count)
