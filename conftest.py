"""Makes strict notebook comparison fit for use: nbval 0.11 compares stderr (progress bars, warnings) and ignores ``;``."""

from __future__ import annotations

import pytest


def pytest_configure(config: pytest.Config) -> None:
    """Let ``;`` hide a cell's last value, which needs the kernel's history that nbval turns off."""
    try:
        from nbval.kernel import RunningKernel
    except ImportError:
        return

    def execute(self: RunningKernel, cell_input: str, allow_stdin: bool | None = None) -> str:
        return self.kc.execute(cell_input, allow_stdin=allow_stdin, stop_on_error=False)

    RunningKernel.execute_cell_input = execute


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what needs a GPU where there is none."""
    if item.get_closest_marker("cuda"):
        import torch

        if not torch.cuda.is_available():
            pytest.skip("there is no GPU")


def pytest_itemcollected(item: pytest.Item) -> None:
    """Leave stderr out of the comparison, and call the cells of notebooks slow."""
    parent = getattr(item, "parent", None)
    if hasattr(parent, "skip_compare") and "stderr" not in parent.skip_compare:
        parent.skip_compare = (*parent.skip_compare, "stderr")
    if hasattr(parent, "skip_compare"):
        item.add_marker(pytest.mark.slow)
