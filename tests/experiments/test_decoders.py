"""The networks and decoders that the experiment crosses."""

from __future__ import annotations

from repro.experiments.decoders import DECODERS, ROWS
from repro.papers.cal.rows import TABLES


def test_each_row_is_read_by_its_own_decoder_and_by_the_others():
    rows = TABLES[8].rows
    assert set(ROWS) == {"HRNet W32", "DARK W32", "HRNet W48", "DARK W48"}
    for name, row in ROWS.items():
        own = "DARK" if name.startswith("DARK") else "highest pixel"
        assert rows[row].recipe.method.decoder == DECODERS[own]
        assert rows[row].recipe.input.size == (48, 64)
    quarter = rows["hrnet-quarter-w32-64x48"].recipe
    assert quarter.method.decoder == DECODERS["quarter offset"]
    assert quarter.training_key == rows[ROWS["HRNet W32"]].recipe.training_key
