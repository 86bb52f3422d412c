from __future__ import annotations

import pytest

from repro.decoders.dark import Dark
from repro.errors import ReproError
from repro.site import source
from repro.site.source import class_link, commit_text, web_address

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.mark.parametrize(
    ("origin", "expected"),
    [
        ("https://example.org/owner/name.git", "https://example.org/owner/name"),
        ("git@example.org:owner/name.git", "https://example.org/owner/name"),
        ("ssh://git@example.org/owner/name", "https://example.org/owner/name"),
        ("/home/somebody/name", ""),
        ("../name.git", ""),
        ("", ""),
    ],
)
def test_commits_are_linked_where_the_origin_is_on_the_web(origin, expected, monkeypatch):
    monkeypatch.setattr(source, "origin", lambda: origin)
    assert web_address("") == expected


def test_a_given_address_is_taken_or_refused():
    assert web_address("https://example.org/a/b.git/") == "https://example.org/a/b"
    with pytest.raises(ReproError, match="REPOSITORY is 'here', expected an address"):
        web_address("here")


def test_commits_and_classes_are_linked():
    assert commit_text(COMMIT, "https://e.org/a") == f"[`0123456789ab`](https://e.org/a/commit/{COMMIT})"
    assert commit_text(COMMIT, "") == "`0123456789ab`" and commit_text(None, "") == "no git"
    assert class_link(Dark()) == "{py:class}`Dark <repro.decoders.dark.Dark>`"
