"""What building a package adds: notebooks and the outcomes of experiments that they read.

Both lie beside ``repro`` in a checkout, and inside it once it is installed.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from setuptools.command.build_py import build_py


class BuildWithNotebooks(build_py):
    """Copies notebooks and experiments into the package; an editable install finds those of its checkout."""

    def run(self) -> None:
        """Build the package."""
        super().run()
        if self.editable_mode:
            return
        inside = Path(self.build_lib) / "repro"
        for name in ("notebooks", "results"):
            shutil.rmtree(inside / name, ignore_errors=True)
        shutil.copytree("notebooks", inside / "notebooks", ignore=shutil.ignore_patterns(".*"))
        for file in Path("results").glob("*/*.json"):
            (inside / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, inside / file)
