"""The commands of the experiments, which measure what notebooks tell beside the tables."""

from __future__ import annotations

import click

from repro.paths import user_path
from repro.support.options import device_option, parse_seed, parse_seeds, writing
from repro.support.processes import take_one_thread


@click.command()
@click.option("--data", default="lspet", show_default=True, help="photographs with the joints of Leeds Sports Pose")
@click.option("--data-root", required=True, help="folder of the data set")
@device_option
@writing("REPRO_RUNS", "REPRO_RESULTS")
def transfer(data: str, data_root: str, device: str) -> None:
    """Measure what drawn people teach about photographs (see notebooks/people.ipynb)."""
    from repro.experiments.transfer import run_transfer
    from repro.runs.schedule import Machine

    root = user_path("data-root", data_root)
    click.echo(f"Written to {run_transfer(data, root, Machine(device))}")


@click.command("weighted-pixels")
@click.option("--lspet-root", default="", help="folder of Leeds Sports Pose Extended; drawn people alone when empty")
@click.option("--seeds", default="0-2", show_default=True, help="of the runs of skeletal table 3")
@device_option
@writing("REPRO_RUNS", "REPRO_RESULTS")
def weighted_pixels(lspet_root: str, seeds: str, device: str) -> None:
    """Decode skeletal table 3's networks with other numbers of pixels (see notebooks/skeletal/table3.ipynb)."""
    from repro.experiments.weighted_pixels import run_weighted_pixels
    from repro.runs.schedule import Machine

    data_sets = {"people": None} | ({"lspet": user_path("lspet-root", lspet_root)} if lspet_root else {})
    click.echo(f"Written to {run_weighted_pixels(data_sets, Machine(device), parse_seeds(seeds))}")


@click.command()
@click.option("--seed", default="0", show_default=True, help="of the runs of cal table 8")
@device_option
@writing("REPRO_RUNS", "REPRO_RESULTS")
def displacements(seed: str, device: str) -> None:
    """Collect where peaks of cal table 8's networks fall around keypoints (see notebooks/cal/method.ipynb)."""
    from repro.experiments.displacements import run_displacements
    from repro.runs.schedule import Machine

    click.echo(f"Written to {run_displacements(Machine(device), parse_seed(seed))}")


@click.command("offset-radius")
@click.option("--seed", default="0", show_default=True, help="of the runs")
@device_option
@writing("REPRO_RUNS", "REPRO_RESULTS")
def offset_radius(seed: str, device: str) -> None:
    """Train UDP of cal table 8 with smaller discs and for longer (see notebooks/cal/table8.ipynb)."""
    from repro.experiments.offset_radius import run_offset_radius
    from repro.runs.schedule import Machine

    click.echo(f"Written to {run_offset_radius(Machine(device), parse_seed(seed))}")


@click.command()
@click.option("--seeds", default="0-2", show_default=True, help="of the runs of cal table 8")
@device_option
@writing("REPRO_RUNS", "REPRO_RESULTS")
def decoders(seeds: str, device: str) -> None:
    """Decode networks of cal table 8, and of trainings between them, with each decoder (see notebooks/cal/table8.ipynb)."""
    from repro.experiments.decoders import run_decoders
    from repro.runs.schedule import Machine

    click.echo(f"Written to {run_decoders(Machine(device), parse_seeds(seeds))}")


@click.command("crop-convention")
@click.option("--seeds", default="0", show_default=True, help="of the runs of cal table 8")
@device_option
@writing("REPRO_RUNS", "REPRO_RESULTS")
def crop_convention(seeds: str, device: str) -> None:
    """Train HRNet of cal table 8 on both kinds of crops and from both starts (see notebooks/cal/table8.ipynb)."""
    from repro.experiments.crop_convention import run_crop_convention
    from repro.runs.schedule import Machine

    click.echo(f"Written to {run_crop_convention(Machine(device), parse_seeds(seeds))}")


@click.command()
@click.option("--seeds", default="0", show_default=True, help="of the runs of cal table 2")
@device_option
@writing("REPRO_RUNS", "REPRO_RESULTS")
def enlarged(seeds: str, device: str) -> None:
    """Show the networks of cal table 2 whole and enlarged crops (see notebooks/cal/table2.ipynb)."""
    from repro.experiments.enlarged import run_enlarged
    from repro.runs.schedule import Machine

    click.echo(f"Written to {run_enlarged(Machine(device), parse_seeds(seeds))}")


@click.command("gaussian-width")
@click.option("--seeds", default="0", show_default=True, help="of the runs")
@device_option
@writing("REPRO_RUNS", "REPRO_RESULTS")
def gaussian_width(seeds: str, device: str) -> None:
    """Train baseline and scale-aware row of sahg table 2 with narrower Gaussians (see notebooks/sahg/table2.ipynb)."""
    from repro.experiments.gaussian_width import run_gaussian_width
    from repro.runs.schedule import Machine

    click.echo(f"Written to {run_gaussian_width(Machine(device), parse_seeds(seeds))}")


@click.command("perfect-maps")
@device_option
@writing("REPRO_RESULTS")
def perfect_maps(device: str) -> None:
    """Measure perfect maps of the rows of sahg tables 2 to 4 (see notebooks/sahg/table2.ipynb)."""
    from repro.experiments.perfect_maps import run_perfect_maps
    from repro.runs.schedule import Machine

    take_one_thread()
    click.echo(f"Written to {run_perfect_maps(Machine(device))}")


@click.command("overfit-photographs")
@click.option("--data-root", required=True, help="folder of four photographs and test_coco_wholebody.json")
@writing("REPRO_RUNS", "REPRO_RESULTS")
def overfit_photographs(data_root: str) -> None:
    """Let a small whole-body network learn a few photographs by heart: shows that data, targets and decoder fit."""
    from repro.experiments.overfit_photographs import run_overfit

    take_one_thread()
    root = user_path("data-root", data_root)
    click.echo(f"Written to {run_overfit(root)}")


@click.command("overfit-scenes")
@click.option("--data-root", required=True, help="folder of COCO, or of a few of its images in the same layout")
@writing("REPRO_RUNS", "REPRO_RESULTS")
def overfit_scenes(data_root: str) -> None:
    """Let a small bottom-up network learn a few photographs by heart: shows that targets, grouping and evaluation fit."""
    from repro.experiments.overfit_scenes import run_overfit

    take_one_thread()
    root = user_path("data-root", data_root)
    click.echo(f"Written to {run_overfit(root)}")


COMMANDS = (
    transfer,
    weighted_pixels,
    displacements,
    offset_radius,
    decoders,
    crop_convention,
    enlarged,
    gaussian_width,
    perfect_maps,
    overfit_photographs,
    overfit_scenes,
)
