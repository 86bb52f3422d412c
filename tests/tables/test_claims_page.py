"""The page of claims: what the committed folders give, and what it shows of folders that are made up."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np

from repro import paths
from repro.metrics.evidence import Ratio
from repro.papers import PAPERS
from repro.reporting.evidence_file import write_evidence
from repro.tables.claims_page import PAGE, page
from tests.reporting.sample_outcome import make_outcome


def test_the_committed_page_is_what_the_committed_folders_give() -> None:
    text = (paths.ROOT / "results" / PAGE).read_text(encoding="utf-8")
    assert text == page(), "write it anew by `repro results judge`"
    assert all(f"(`{key}`)" in text for key in PAPERS)


def keep(place: Path, data: str, created: str, gain: float, scale: str = "laptop", length: float = 1.0) -> None:
    """A folder of skeletal table 3 on 400 people, three seeds, PCKh@0.5 of each row ``gain`` above the one before."""
    place.mkdir(parents=True)
    runs, evidence = [], {}
    noise = np.where(np.arange(400) % 2, 0.1, -0.1)
    for n, row in enumerate(("hrnet", "attention", "attention-weighted")):
        for seed in range(3):
            value = 0.4 + gain * n + 0.001 * seed
            one = replace(make_outcome().runs[0], row=row, seed=seed, metrics={"pckh@0.5": value, "pckh@0.1": 0.01})
            runs.append(one)
            evidence[row, seed] = {"pckh@0.5": Ratio(value + noise, np.ones(400))}
    replace(make_outcome(), scale=scale, data=data, runs=tuple(runs), length=length).write(place / "runs.json")
    write_evidence(place, evidence)
    about = {"paper": "skeletal", "table": 3, "seeds": [0, 1, 2], "rows": {}, "scale": scale, "data": data}
    (place / "manifest.json").write_text(json.dumps(about | {"created": created, "length": length}))


def test_a_claim_shows_drawn_people_and_photographs_with_verdicts_and_links(places: Path, monkeypatch) -> None:
    monkeypatch.setattr(
        "repro.tables.claims_page.earlier_rule", lambda outcome: "" if outcome.data == "people" else "x"
    )
    table = places / "results" / "skeletal" / "table3"
    keep(table / "old", "people", "2026-01-01", -0.02)
    keep(table / "new", "people", "2026-01-02", 0.02)
    keep(table / "photos", "lspet", "2026-01-01", -0.02)
    keep(table / "short", "people", "2026-01-03", -0.02, length=0.5)
    keep(table / "smoke", "people", "2026-01-03", -0.02, scale="smoke")
    lines = [[cell.strip() for cell in line.split("|")[1:-1]] for line in page().splitlines() if line.startswith("|")]
    (line,) = [line for line in lines if line[0].startswith("The skeletal attention module improves HRNet")]
    assert line[1:] == [
        "table 3: hrnet → attention",
        "PCKh@0.5 +0.2",
        "+2.00 [+2.00, +2.00] [laptop](skeletal/table3/new/table.md)",
        "confirmed",
        "-2.00 [-2.00, -2.00] [laptop, lspet](skeletal/table3/photos/table.md), earlier rule",
        "contradicted",
    ]
    weighted = lines[lines.index(line) + 1]
    assert weighted[4] == "not judged"  # PCKh@0.1 is 1 % in all rows
    counts = {tuple(line[:2]): line[2:] for line in lines if line[1:2] and line[1] in ("drawn people", "photographs")}
    assert counts["`skeletal`", "drawn people"] == ["2", "0", "0", "0", "3"]
    assert counts["`skeletal`", "photographs"] == ["0", "2", "0", "0", "3"]
    assert counts["`hgr`", "drawn people"] == ["0", "0", "0", "0", "14"]
