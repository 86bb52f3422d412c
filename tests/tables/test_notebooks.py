"""The committed notebooks, and how papermill executes them."""

from __future__ import annotations

import ast
import base64
import gc
import json
import sys
import tempfile
from io import BytesIO
from pathlib import Path

import nbformat
import pytest
from PIL import Image

from repro import paths
from repro.errors import ReproError
from repro.papers import PAPERS
from repro.papers.recipes import table_rows
from repro.tables import kernel
from repro.tables.kernel import try_kernel
from repro.tables.notebooks import committed_notebooks, run_notebook

NOTEBOOKS = committed_notebooks()
MACHINE_PATHS = ("/home/", "/root/", "/Users/", tempfile.gettempdir() + "/", f"{paths.ROOT}/")


def code_cells(path: Path) -> list[dict]:
    """The code cells of a notebook."""
    return [cell for cell in json.loads(path.read_text())["cells"] if cell["cell_type"] == "code"]


def write_notebook(path: Path, parameters: str, body: str) -> Path:
    """A notebook of a parameters cell and one more."""
    cells = [nbformat.v4.new_code_cell(parameters, metadata={"tags": ["parameters"]}), nbformat.v4.new_code_cell(body)]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), path)
    return path


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: f"{p.parent.name}/{p.name}")
def test_a_committed_notebook_was_executed_without_errors(path: Path) -> None:
    cells = code_cells(path)
    assert all(cell["execution_count"] for cell in cells), "run `make notebooks`: a cell was not executed"
    outputs = [output for cell in cells for output in cell["outputs"]]
    assert outputs, "run `make notebooks`: the notebook was committed without outputs"
    assert not [output for output in outputs if output["output_type"] == "error"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: f"{p.parent.name}/{p.name}")
def test_a_committed_notebook_holds_no_machine_path(path: Path) -> None:
    text = path.read_text()
    assert not [part for part in MACHINE_PATHS if part in text]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: f"{p.parent.name}/{p.name}")
def test_parameters_come_first_and_are_plain_annotated_assignments(path: Path) -> None:
    first, *others = code_cells(path)
    assert first["metadata"].get("tags") == ["parameters"]
    assert not [cell for cell in others if "parameters" in cell["metadata"].get("tags", [])]
    for statement in ast.parse("".join(first["source"])).body:
        assert isinstance(statement, ast.AnnAssign)
        ast.literal_eval(statement.value)
    lines = [line for line in "".join(first["source"]).splitlines() if line]
    assert all("  # " in line for line in lines)


def test_every_table_with_recipes_has_a_notebook() -> None:
    for key, paper in PAPERS.items():
        for spec in paper.tables:
            if table_rows(key, spec.number) is not None:
                assert (paths.NOTEBOOKS / key / f"table{spec.number}.ipynb") in NOTEBOOKS


def test_an_unknown_parameter_is_an_error_that_lists_the_known_ones(tmp_path: Path) -> None:
    source = write_notebook(tmp_path / "a.ipynb", "seed: int = 0  # of the run", "print(seed)")
    with pytest.raises(ReproError, match="'sede': choose one of seed"):
        run_notebook(source, tmp_path / "b.ipynb", {"sede": 1})
    assert not (tmp_path / "b.ipynb").exists()


def test_parameters_reach_the_notebook_and_traces_of_the_machine_are_dropped(tmp_path: Path) -> None:
    body = "import sys\nprint(seed + 1)\nprint('bar', file=sys.stderr)"
    source = write_notebook(tmp_path / "a.ipynb", "seed: int = 0  # of the run", body)
    run_notebook(source, tmp_path / "b.ipynb", {"seed": 41})
    notebook = json.loads((tmp_path / "b.ipynb").read_text())
    outputs = [output for cell in notebook["cells"] for output in cell.get("outputs", [])]
    assert ["".join(output["text"]) for output in outputs] == ["42\n"]
    assert "papermill" not in notebook["metadata"]
    assert str(tmp_path) not in (tmp_path / "b.ipynb").read_text()


def test_pictures_in_a_notebook_get_a_palette(tmp_path: Path) -> None:
    body = "import matplotlib.pyplot as plt\nplt.plot([1, 3, 2])\nplt.show()"
    run_notebook(write_notebook(tmp_path / "a.ipynb", "seed: int = 0  # of the run", body), tmp_path / "b.ipynb", {})
    (shown,) = [output["data"]["image/png"] for cell in code_cells(tmp_path / "b.ipynb") for output in cell["outputs"]]
    assert Image.open(BytesIO(base64.b64decode(shown))).mode == "P"


def test_a_failing_cell_raises_and_shows_where(tmp_path: Path) -> None:
    from papermill import PapermillExecutionError

    source = write_notebook(tmp_path / "a.ipynb", "seed: int = 0  # of the run", "raise ValueError('broken')")
    with pytest.raises(PapermillExecutionError, match="broken"):
        run_notebook(source, tmp_path / "b.ipynb", {})
    assert "broken" in (tmp_path / "b.ipynb").read_text()


def test_a_missing_notebook_is_named(tmp_path: Path) -> None:
    with pytest.raises(ReproError, match="none.ipynb does not exist"):
        run_notebook(tmp_path / "none.ipynb", tmp_path / "b.ipynb", {})


def test_a_mistake_that_a_cell_reports_stays_a_sentence(tmp_path: Path) -> None:
    body = "from repro.errors import ReproError\nraise ReproError('Reproduce table 3 again.')"
    source = write_notebook(tmp_path / "a.ipynb", "seed: int = 0  # of the run", body)
    with pytest.raises(ReproError) as caught:
        run_notebook(source, tmp_path / "b.ipynb", {})
    assert str(caught.value) == f"{tmp_path.name}/a.ipynb: Reproduce table 3 again."


def test_notebooks_are_found_below_a_hidden_folder_but_checkpoints_are_not(tmp_path: Path, monkeypatch) -> None:
    place = tmp_path / ".checkout" / "notebooks"
    for name in ("a.ipynb", "skeletal/b.ipynb", ".ipynb_checkpoints/a.ipynb", "skeletal/.b.ipynb.7.ipynb"):
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text("{}")
    monkeypatch.setattr(paths, "NOTEBOOKS", place)
    assert committed_notebooks() == [place / "a.ipynb", place / "skeletal" / "b.ipynb"]


def run_body(tmp_path: Path, body: str) -> str:
    """What the cell of a notebook prints when it is executed."""
    run_notebook(write_notebook(tmp_path / "a.ipynb", "seed: int = 0  # of the run", body), tmp_path / "b.ipynb", {})
    return "".join("".join(o["text"]) for cell in code_cells(tmp_path / "b.ipynb") for o in cell["outputs"])


def test_another_kernel_of_the_same_name_is_not_taken(tmp_path, monkeypatch) -> None:
    place = tmp_path / "jupyter" / "kernels" / "python3"
    place.mkdir(parents=True)
    spec = {"argv": ["/usr/bin/env", "false", "{connection_file}"], "display_name": "other", "language": "python"}
    (place / "kernel.json").write_text(json.dumps(spec))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    body = "import sys, repro\nprint(sys.executable)\nprint(repro.__file__)"
    assert run_body(tmp_path, body).splitlines() == [sys.executable, str(paths.ROOT / "repro" / "__init__.py")]


def test_what_is_inherited_does_not_change_a_notebook(tmp_path, monkeypatch) -> None:
    (tmp_path / "start.py").write_text("print('started')")
    profile = tmp_path / "ipython" / "profile_default"
    (profile / "startup").mkdir(parents=True)
    (profile / "startup" / "a.py").write_text("print('started')")
    (profile / "ipython_kernel_config.py").write_text("c.InlineBackend.figure_formats = {'svg'}")
    monkeypatch.setenv("PYTHONSTARTUP", str(tmp_path / "start.py"))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("MPLBACKEND", "Agg")
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    monkeypatch.setenv("PYTHONUTF8", "0")
    monkeypatch.setenv("LC_ALL", "C")
    monkeypatch.setenv("WORLD_SIZE", "4")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("REPRO_RUNS", "runs here")
    body = (
        "import locale, matplotlib, os\nfrom repro import paths\nprint('±é→', locale.getpreferredencoding(False))\n"
        "print(matplotlib.get_backend().lower())\nprint(paths.runs())\nprint(os.environ.get('WORLD_SIZE'))"
    )
    text, backend, runs, world = run_body(tmp_path, body).splitlines()
    assert text.lower() == "±é→ utf-8"
    assert "inline" in backend
    assert (runs, world) == (str(tmp_path / "runs here"), "None")


def test_a_home_that_cannot_be_written_is_no_hindrance(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("HOME", "/dev/null")
    for name in ("JUPYTER_RUNTIME_DIR", "JUPYTER_DATA_DIR", "JUPYTER_CONFIG_DIR", "XDG_RUNTIME_DIR", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    assert run_body(tmp_path, "print(1)") == "1\n"


def test_a_folder_with_braces_is_a_folder(tmp_path) -> None:
    (tmp_path / "{a}").mkdir()
    assert run_body(tmp_path / "{a}", "print(seed)") == "0\n"


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"cells": []}', '{"cells": [{}]}', "\xff"])
def test_a_notebook_that_is_none_is_named(tmp_path, text) -> None:
    (tmp_path / "a.ipynb").write_text(text, encoding="latin-1")
    with pytest.raises(ReproError, match=r"Notebook .*a.ipynb .*: restore the file"):
        run_notebook(tmp_path / "a.ipynb", tmp_path / "b.ipynb", {})


def test_a_kernel_that_cannot_start_says_why(monkeypatch, tmp_path) -> None:
    try_kernel()
    (tmp_path / "ipykernel_launcher.py").write_text("raise ImportError('no kernel in here')")
    monkeypatch.setattr(kernel, "kernel_environment", lambda own: {"PYTHONPATH": str(tmp_path)})
    with pytest.raises(ReproError, match=r"cannot be started by .* \(ImportError: no kernel in here\): mend this"):
        try_kernel()


def test_kernels_leave_nothing_behind(monkeypatch, tmp_path) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    try_kernel()
    gc.collect()
    assert list(tmp_path.iterdir()) == []
