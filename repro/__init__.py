"""Reproduces every table of five papers on heatmap-based human pose estimation on one backbone, data path and evaluator.

``load_run`` and ``train`` give trained runs, which predict and are evaluated; ``combine`` puts parts of papers together. What
stands in ``__all__`` is brought in when it is asked for, so that ``import repro`` does not wait for torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from repro.api.combining import combine
    from repro.api.export import export_run
    from repro.api.pictures import draw_people, save_picture
    from repro.api.trained import TrainedRun, load_run
    from repro.api.training import train
    from repro.approaches.found import Found
    from repro.recipe import Recipe
    from repro.skeletons.skeleton import Skeleton

__version__ = "0.1.0"
__all__ = [
    "Found",
    "Recipe",
    "Skeleton",
    "TrainedRun",
    "__version__",
    "combine",
    "draw_people",
    "export_run",
    "load_run",
    "save_picture",
    "train",
]
_PLACES = {
    "Found": "repro.approaches.found",
    "Recipe": "repro.recipe",
    "Skeleton": "repro.skeletons.skeleton",
    "TrainedRun": "repro.api.trained",
    "combine": "repro.api.combining",
    "draw_people": "repro.api.pictures",
    "export_run": "repro.api.export",
    "load_run": "repro.api.trained",
    "save_picture": "repro.api.pictures",
    "train": "repro.api.training",
}


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_PLACES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
