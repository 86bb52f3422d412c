"""How the rows of a paper's tables are run: recipes at the size that the paper printed, looked up by paper and table."""

from __future__ import annotations

from dataclasses import dataclass, field

from repro.papers import PAPERS
from repro.papers.spec import reported
from repro.recipe import Network, Recipe
from repro.skeletons import Skeleton


@dataclass(frozen=True)
class Row:
    """How a row is run.

    Args:
        recipe: at paper size, without data.
        counted: the network whose #Params and GFLOPs are printed, where it is not the recipe's.
    """

    recipe: Recipe
    counted: Network | None = None

    @property
    def counted_network(self) -> Network:
        """The network for the counted columns."""
        return self.counted or self.recipe.method.network


@dataclass(frozen=True)
class TableRows:
    """The rows of a table that have recipes, by the slug of the printed table.

    Args:
        data: the paper's data set.
        skeleton: of that data set, for the counted columns.
        rows: by slug.
    """

    data: str
    skeleton: Skeleton
    rows: dict[str, Row] = field(default_factory=dict)


def table_rows(paper: str, number: int) -> TableRows | None:
    """The rows of a table that can be run; None where there are none yet.

    Raises:
        ReproError: when the paper has no such table, or a recipe belongs to no printed row.
    """
    PAPERS[paper].table(number)
    if paper != "skeletal":
        return None
    from repro.papers.skeletal import rows  # a paper's recipes bring in torch: only when they are asked for

    found = rows.TABLES.get(number)
    if found is not None:
        unknown = set(found.rows) - set(reported(paper, number)["row"])
        assert not unknown, f"recipes without a printed row in {paper} table {number}: {sorted(unknown)}"
    return found
