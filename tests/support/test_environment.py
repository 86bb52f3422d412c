"""Versions are told also where a package is not installed, as when the package itself is run from a copy of its files."""

from __future__ import annotations

from importlib import metadata

import pytest
from click.testing import CliRunner

from repro.cli.main import main
from repro.support import environment


def missing(name: str) -> str:
    raise metadata.PackageNotFoundError(name)


def test_versions_name_what_is_not_installed(monkeypatch):
    known = metadata.version
    monkeypatch.setattr(metadata, "version", lambda name: missing(name) if name == "papermill" else known(name))
    versions = environment.versions()
    assert versions["papermill"] == "not installed"
    assert versions["numpy"] == known("numpy")


@pytest.mark.parametrize("installed", [True, False])
def test_the_command_tells_its_version_from_the_checkout_too(monkeypatch, installed):
    monkeypatch.setattr(metadata, "version", (lambda name: "9.9") if installed else missing)
    done = CliRunner().invoke(main, ["--version"])
    assert done.exit_code == 0
    assert done.output == f"repro, version {'9.9' if installed else '0.1.0'}\n"
