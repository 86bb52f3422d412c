"""The page of claims: that of the results, its folders linked to their pages, its verdicts in colours."""

from __future__ import annotations

import re
from pathlib import Path

from repro.reporting.claims import ON_CLAIMS
from repro.reporting.labels import typeset
from repro.reporting.verdicts import RARE, VERDICTS
from repro.site.markdown import verdict_text
from repro.tables import claims_page

WORDS = {*VERDICTS, *RARE, *ON_CLAIMS, claims_page.UNJUDGED}


def write_claims(pages: Path, names: dict[str, str]) -> None:
    """Write the page of claims.

    Args:
        pages: folder of all pages.
        names: the page of each result folder, which is named relative to the results.
    """
    (pages / "claims.md").write_text(linked(claims_page.page(), names), encoding="utf-8")


def linked(text: str, names: dict[str, str]) -> str:
    """The text with links to pages in place of those to folders, and with marked verdicts."""

    def link(found: re.Match[str]) -> str:
        return f"](/{names[found[1]]}.md)" if found[1] in names else "]()"

    text = re.sub(r"\]\(([^()\s]+)/table\.md\)", link, text).replace("]()", "]")
    words = "|".join(map(re.escape, sorted(WORDS, key=len, reverse=True)))
    return typeset(re.sub(rf"(?<=\| )({words})(?= \|)", lambda found: verdict_text(found[1]), text))
