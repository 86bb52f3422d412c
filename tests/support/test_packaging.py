from __future__ import annotations

import pytest

setuptools = pytest.importorskip("setuptools")


def test_notebooks_are_built_into_the_package(tmp_path, monkeypatch):
    from repro.support.packaging import BuildWithNotebooks

    notebooks = ("notebooks/cal/table1.ipynb", "notebooks/.ipynb_checkpoints/old.ipynb")
    for name in ("repro/__init__.py", *notebooks, "results/cal/decoders.json", "results/cal/table1/one/manifest.json"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    monkeypatch.chdir(tmp_path)
    command = BuildWithNotebooks(setuptools.Distribution({"packages": ["repro"], "script_name": "setup.py"}))
    command.build_lib = str(tmp_path / "built")
    command.ensure_finalized()
    command.run()
    found = {path.relative_to(tmp_path / "built").as_posix() for path in (tmp_path / "built").rglob("*.*") if path.is_file()}
    assert found == {"repro/__init__.py", "repro/notebooks/cal/table1.ipynb", "repro/results/cal/decoders.json"}
