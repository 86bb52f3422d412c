from __future__ import annotations

import json
from pathlib import Path

from repro import paths
from repro.reporting.uses import Uses

RUN, TRAINING, OTHER = "0123456789ab", "ba9876543210", "aaaaaaaaaaaa"


def write(file: Path, value: object) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(value if isinstance(value, str) else json.dumps(value))


def test_keys_are_found_in_folders_and_files_of_experiments(places, monkeypatch):
    monkeypatch.setattr(paths, "RESULTS", places / "committed")
    manifest = {"recipes": {"hrnet seed 0": RUN}, "trainings": {TRAINING: 1.5}}
    write(places / "results/skeletal/table3/one/manifest.json", manifest)
    write(places / "committed/skeletal/table3/two/manifest.json", manifest)
    write(places / "committed/cal/decoders.json", {"runs": [OTHER]})
    uses = Uses()
    assert uses.folders_of(TRAINING) == ["skeletal/table3/one", "skeletal/table3/two"]
    assert uses.folders_of(OTHER, TRAINING)[0] == "cal/decoders.json"
    assert uses.rows_of(RUN) == ["skeletal/3/hrnet:0"]
    assert uses.folders_of("bbbbbbbbbbbb") == uses.rows_of("bbbbbbbbbbbb") == []


def test_what_a_damaged_manifest_names_is_used(places, monkeypatch):
    monkeypatch.setattr(paths, "RESULTS", places / "results")
    write(places / "results/skeletal/table3/one/manifest.json", '{"recipes": {"hrnet seed 0": "0123456789ab", ')
    assert Uses().folders_of(RUN) == ["skeletal/table3/one"]


def test_every_committed_folder_names_its_rows():
    uses = Uses()
    manifests = list(paths.RESULTS.glob("*/table*/*/manifest.json"))
    assert manifests
    for file in manifests:
        manifest = json.loads(file.read_text())
        for row, key in manifest["recipes"].items():
            assert f"{manifest['paper']}/{manifest['table']}/{row.replace(' seed ', ':')}" in uses.rows_of(key)
        for key in manifest["trainings"]:
            assert file.parent.relative_to(paths.RESULTS).as_posix() in uses.folders_of(key)
