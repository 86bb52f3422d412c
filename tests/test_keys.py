"""The keys of all runs are what they were: else complete runs would be made again and committed results belong to nothing.

Those that were changed on purpose since they were pinned, and why: ``docs/decisions/changed-keys.md``.
"""

from __future__ import annotations

import pytest

from .pin_keys import groups, pinned_keys, remade_keys, result_folders

PINNED = pinned_keys()
GROUPS = groups()
# Made before the length of trainings on photographs, and what the laptop scale does to bottom-up recipes, were what they are.
OLDER = {
    "skeletal/table3/laptop-lspet-20261121T055336-3078666",
    "hgr/table3/laptop-people-20261121T181757-8ebedca",
    "hgr/table4/laptop-people-20261121T234506-bfeacae",
    "hgr/table5/laptop-people-20261121T232236-bfeacae",
    "sahg/table1/laptop-people-20261121T180914-8ebedca",
    "sahg/table3/laptop-people-20261122T005303-bfeacae",
    "sahg/table4/laptop-people-20261122T002931-bfeacae",
}


@pytest.mark.parametrize("group", GROUPS)
def test_keys_are_what_they_were(group, places):
    pinned, now = PINNED.get(group, {}), GROUPS[group]()
    changed = {row for row in pinned if pinned[row] != now.get(row)}
    assert not changed, (
        f"Other keys of {group}: {', '.join(sorted(changed))}. Undo what changed them (a default, a name, a rule of a scale, "
        "what is drawn); if the numbers of these runs must change, raise REVISION, or take the old lines out of "
        "tests/pins/keys.json by hand and say why in docs/decisions/changed-keys.md."
    )
    assert now.keys() <= pinned.keys(), f"New rows in {group}: pin them with `python tests/pin_keys.py`."


def test_no_table_is_lost():
    tables = {name for name in PINNED if "/" not in name}  # result folders may be replaced by later ones
    assert not tables - GROUPS.keys(), "These tables have no recipes any more: give them back."


@pytest.mark.parametrize("folder", [folder for folder in result_folders() if folder not in OLDER])
def test_the_rows_of_today_belong_to_the_committed_results(folder, places):
    assert GROUPS[folder]().items() <= remade_keys(folder).items()
