"""Seconds to load a data set with all its checks, beside the plain parsing of its JSON: what a start costs.

Measured are a file in COCO's format as large as that of its training split (150,000 persons in 52,000 images) and a look at 2000
photographs of 640 x 480 px, the first one, which reads their bytes, and a second one. Prints a table and writes it to
``benchmarks/data_loading.csv`` with the machine it was measured on. Run it on a quiet machine.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import torch

from repro.data.coco_format import read_persons
from repro.data.image_files import SETTLED, look_at
from repro.skeletons.skeleton import COCO17
from repro.support.environment import device_name

PERSONS, IMAGES, PHOTOGRAPHS = 150_000, 52_000, 2000


def content(persons: int, images: int) -> dict[str, Any]:
    """Annotations with all keypoints labelled."""
    rng = np.random.default_rng(0)
    points = np.concatenate([rng.integers(0, 640, (persons, 17, 2)), np.full((persons, 17, 1), 2)], 2).reshape(
        persons, -1
    )
    boxes = np.round(rng.uniform(1, 300, (persons, 4)), 2)
    return {
        "images": [{"id": n, "file_name": f"{n}.jpg", "width": 640, "height": 480} for n in range(images)],
        "annotations": [
            {
                "id": n,
                "image_id": n % images,
                "category_id": 1,
                "iscrowd": 0,
                "num_keypoints": 17,
                "keypoints": points[n].tolist(),
                "area": 1000.5,
                "bbox": boxes[n].tolist(),
                "segmentation": [[1.5, 2.5, 30.5, 40.5, 5.5, 60.5]],
            }
            for n in range(persons)
        ],
        "categories": [{"id": 1, "name": "person", "keypoints": list(COCO17.keypoints)}],
    }


def photographs(folder: Path, count: int) -> list[Path]:
    """Files of smooth noise, about 100 kB each."""
    rng, files = np.random.default_rng(0), []
    for n in range(count):
        coarse = rng.integers(0, 256, (60, 80, 3), dtype=np.uint8)
        files.append(folder / f"{n}.jpg")
        cv2.imwrite(str(files[-1]), cv2.resize(coarse, (640, 480)))
    return files


def seconds(call: Callable[[], object]) -> tuple[float, float]:
    """On the processor, which a busy machine changes less, and on the clock."""
    started, used = time.perf_counter(), time.process_time()
    call()
    return time.process_time() - used, time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=Path(__file__).with_suffix(".csv"))
    output = parser.parse_args().output
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        os.environ["REPRO_CACHE"] = str(folder / "cache")
        file = folder / "persons.json"
        file.write_text(json.dumps(content(PERSONS, IMAGES)), encoding="utf-8")
        files = photographs(folder, PHOTOGRAPHS)
        time.sleep(SETTLED + 0.5)
        rows = {
            f"plain JSON of {PERSONS} persons": seconds(lambda: json.loads(file.read_text(encoding="utf-8"))),
            f"read_persons of {PERSONS} persons": seconds(lambda: read_persons(file, folder, look=False)),
            f"first look at {PHOTOGRAPHS} photographs": seconds(lambda: look_at(files)),
            f"second look at {PHOTOGRAPHS} photographs": seconds(lambda: look_at(files)),
        }
    columns = ("seconds (processor)", "seconds (clock)")
    table = pd.DataFrame([{"what": what, **dict(zip(columns, found, strict=True))} for what, found in rows.items()])
    table = table.round(2)
    table = table.assign(device=device_name(torch.device("cpu")))
    print(table.to_string(index=False))
    table.to_csv(output, index=False)


if __name__ == "__main__":
    main()
