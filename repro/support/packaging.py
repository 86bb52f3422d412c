"""What building a package adds: the notebooks, which lie beside ``repro`` in a checkout and inside it once installed."""

from __future__ import annotations

import shutil
from pathlib import Path

from setuptools.command.build_py import build_py


class BuildWithNotebooks(build_py):
    """Copies the notebooks into the package; an editable install finds those of its checkout."""

    def run(self) -> None:
        """Build the package."""
        super().run()
        target = Path(self.build_lib) / "repro" / "notebooks"
        if self.editable_mode:
            return
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree("notebooks", target, ignore=shutil.ignore_patterns(".*"))
