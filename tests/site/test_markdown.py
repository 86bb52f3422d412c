from __future__ import annotations

import pandas as pd

from repro.reporting.labels import shown_label, typeset
from repro.site.markdown import bullet_list, cell, folded, frame_table, image, toctree, verdict_text


def test_a_frame_becomes_a_table_with_typeset_heads_and_marked_verdicts():
    frame = pd.DataFrame(
        [
            {"row": "a | b", "AP^50": "1.0 / –", "verdict": "confirmed"},
            {"row": None, "AP^50": float("nan"), "verdict": ""},
        ]
    )
    assert frame_table(frame).splitlines() == [
        "| row | AP⁵⁰ | verdict |",
        "| --- | --- | --- |",
        "| a \\| b | 1.0\u00a0/\u00a0– | [confirmed]{.verdict .confirmed} |",
        "|  |  |  |",
    ]


def test_what_markdown_would_take_for_markup_stays_text():
    assert cell("a*b<c\nd") == r"a\*b&lt;c d"
    assert verdict_text("no effect expected") == "[no effect expected]{.verdict .no-effect-expected}"
    assert image("/a.png", "HRNet [w32]") == "[![HRNet (w32)](/a.png)](/a.png)\n"


def test_lists_of_pages_and_lines():
    assert bullet_list(["a", "b"]) == "- a\n- b\n"
    assert toctree(["a/b"], "Papers", hidden=True) == "```{toctree}\n:caption: Papers\n:hidden:\n\n/a/b\n```\n"
    assert toctree([]) == ""
    assert folded("more", "x").startswith("<details><summary>more</summary>\n\nx\n")


def test_superscripts_are_raised_and_other_carets_stay():
    assert typeset("AP^50 AP^M AP^L AR^75") == "AP⁵⁰ APᴹ APᴸ AR⁷⁵"
    assert typeset("p^ AP^Mean") == "p^ AP^Mean"


def test_pckh_is_called_by_the_threshold_that_it_is_measured_at():
    assert [shown_label(label) for label in ("PCKh@0.5", "PCKh@0.1", "PCKh@0.10", "AP^50")] == [
        *("PCKh@0.5", "PCKh@0.11", "PCKh@0.10", "AP^50")
    ]
