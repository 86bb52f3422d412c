"""A server on this machine for each test, reached without a proxy and without pauses."""

from __future__ import annotations

import pytest

from repro.fetch import download

from .server import Server


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setattr(download, "PAUSE", 0.0)
    monkeypatch.setenv("no_proxy", "127.0.0.1,localhost")
    made = Server()
    yield made
    made.close()
