"""The commands of networks that others start from: ``repro warm-start`` and ``repro enlarger``."""

from __future__ import annotations

from typing import Any, cast

import click

from repro.errors import ReproError
from repro.support.options import check_keep, device_option, parse_number, writing
from repro.support.processes import take_one_thread


@click.command("warm-start")
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
    if wide % 16:
        raise ReproError(
            f"width is {width!r}, expected a multiple of 16 as in 32 or 48, the widths of the papers' HRNet."
        )
    backbone = ResNet(depth=cast(Any, deep)) if depth else HRNet(width=wide)
    click.echo(f"Kept in {make_warm_start(get_scale(scale), backbone, device, keep=keep)}")


@click.command()
@device_option
@click.option("--keep", is_flag=True, help="keep it in the package, not in runs/weights")
@writing("REPRO_RUNS")
def enlarger(device: str, keep: bool) -> None:
    """Train the small super-resolution network that stands for SPSR in table 2 of cal."""
    check_keep(keep)
    from repro.pretraining.enlarger import make_enlarger

    take_one_thread()
    click.echo(f"Kept in {make_enlarger(device, keep=keep)}")
