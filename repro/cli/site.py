"""The command ``repro site``."""

from __future__ import annotations

import click

from repro.paths import user_path


@click.command()
@click.option(
    "--out", default="site", show_default=True, help="folder that the site goes to; what a site held before is replaced"
)
@click.option("--repository", default="", help="address that commits are linked at; the checkout's origin when empty")
def site(out: str, repository: str) -> None:
    """Build a static site from the committed results: an overview, a page a table, the notebooks, the API."""
    from repro.site.build import build_site

    click.echo(f"Open {build_site(user_path('out', out), repository)}")
