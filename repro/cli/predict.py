"""The commands ``repro predict`` and ``repro export``: a trained run on photographs and videos, and its network in a file."""

from __future__ import annotations

import click

from repro import paths
from repro.errors import ReproError
from repro.support.options import device_option, optional_path
from repro.support.wording import counted


@click.command()
@click.argument("run")
@click.argument("file")
def export(run: str, file: str) -> None:
    """Write the network of a trained RUN to FILE, and a JSON on it beside: .onnx, .ts (TorchScript) or .pt2 (torch.export)."""
    from repro.api.export import export_run
    from repro.api.trained import load_run

    for path in export_run(load_run(run, device="cpu"), paths.user_path("FILE", file)):
        click.echo(f"Written {path}")


@click.command()
@click.argument("run")
@click.argument("images", nargs=-1, required=True)
@click.option(
    "--boxes", default="", help="whole, detector, keypointrcnn, fasterrcnn, or a file in COCO's result format"
)
@click.option("--annotations", default="", help="COCO file that gives the photographs their ids, for boxes and results")
@click.option("--out", default="predictions", show_default=True, help="folder that takes results and pictures")
@click.option("--least", default="0.2", show_default=True, help="keypoints with a lower score are not drawn")
@device_option
def predict(run: str, images: tuple[str, ...], boxes: str, annotations: str, out: str, least: str, device: str) -> None:
    """Find people with a trained RUN in IMAGES: photographs, folders of them, or videos.

    RUN is a row, as skeletal/3/attention:0, the digits of a run as `repro runs list` shows them, or a run's folder. Without
    boxes a top-down run is given those of torchvision's detector, where its weights are here, else each photograph as one
    person.
    """
    from repro.api.predicting import choose_boxes, predict_files
    from repro.api.sources import image_ids, split_sources
    from repro.api.trained import load_run

    try:
        height = float(least)
    except ValueError:
        raise ReproError(f"--least is {least!r:.200}, expected a number as in 0.2.") from None
    photographs, videos = split_sources(images)
    ids = image_ids(photographs, optional_path("annotations", annotations))
    folder = paths.user_path("--out", out)
    loaded = load_run(run, device=device)
    source = choose_boxes(loaded, boxes, ids)
    click.echo(f"{counted(len(photographs), 'image')}, {counted(len(videos), 'video')}: {source.about}")
    for path in predict_files(loaded, photographs, videos, source, ids, folder, height):
        click.echo(f"Written {path}")
