"""The command ``repro run``: parts of different papers put together, trained, evaluated and shown as a table of their own."""

from __future__ import annotations

import click

from repro.cli.reproduce import reproduce
from repro.errors import ReproError
from repro.support import processes
from repro.support.options import parse_switch
from repro.support.part_text import KINDS

WITHOUT = ("paper", "table", "rows", "boxes", "weights")  # options of ``reproduce`` that a study does not take


def _part(kind: str) -> click.Option:
    """The option that exchanges a part; it may be given several times."""
    what = (
        f"another {kind}, as in Name(key=value), module:Class or JSON; each that is given is combined with all others"
    )
    return click.Option([f"--{kind}"], multiple=True, help=what)


@click.pass_context
def _run(
    context: click.Context,
    base: str,
    study: str,
    name: str,
    question: str,
    one_stage: bool,
    encoder: tuple[str, ...],
    network: tuple[str, ...],
    loss: tuple[str, ...],
    decoder: tuple[str, ...],
    **options: str,
) -> None:
    """Put parts of different papers together, and compare them with a row that is called their base.

    What does not fit is refused with the reason before anything is trained. Results lie in results/local/NAME/table1/.
    """
    from repro.papers.studies import write_study
    from repro.tables.combine import combinations, open_study

    parts = dict(zip(KINDS, (encoder, network, loss, decoder), strict=True))
    if bool(study) == bool(base):
        raise ReproError(
            "Give either --base, as in --base cal/8/dark-w32-64x48 --decoder Argmax, or --study with a file or a name."
        )
    if study and (name or question or one_stage or any(parts.values())):
        raise ReproError(
            "--study names a file that holds all combinations: leave the parts, --name, --question and --one-stage out."
        )
    if study:
        chosen = open_study(study)
    else:
        put = combinations(base, parts, one_stage=one_stage, name=name, question=question)
        chosen = put.study
        if processes.leads():
            for line in put.left_out:
                click.echo(f"Left out: {line}")
    if processes.leads() and not parse_switch("PLAN", options["plan"]):
        write_study(chosen)
    context.invoke(reproduce, paper=chosen.key, table="1", rows="", boxes="", weights="", **options)


run = click.Command(
    "run",
    callback=_run,
    help=_run.__doc__,
    params=[
        click.Option(["--base"], default="", help="row that is changed, and compared with, as cal/8/dark-w32-64x48"),
        *map(_part, KINDS),
        click.Option(["--one-stage"], is_flag=True, help="leave a second stage of training out"),
        click.Option(["--study"], default="", help="file that names rows, or name of a study, in place of --base"),
        click.Option(["--name"], default="", help="of the folder of results; made of the combinations when empty"),
        click.Option(["--question"], default="", help="that is answered, as the table shows it"),
        *(one for one in reproduce.params if one.name not in WITHOUT),
    ],
)
