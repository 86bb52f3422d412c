"""The site as a whole: built once, its links followed, its pages opened in a browser."""

from __future__ import annotations

import shutil
import threading
from functools import partial
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from repro.papers import PAPERS
from repro.site.build import NEEDED, build_site

MISSING = [name for name in NEEDED if find_spec(name) is None]
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
VIEWS = {"wide": (1400, 900), "narrow": (390, 844)}

pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(MISSING), reason=f"{', '.join(MISSING)} not installed")]


class Page(HTMLParser):
    """What a page refers to, and what can be referred to in it."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.names: set[str] = set()
        self.without_alt: list[str] = []
        self.feed(file.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.names |= {str(given[key]) for key in ("id", "name") if given.get(key)}
        if tag == "a" and given.get("href"):
            self.links.append(str(given["href"]))
        if tag in ("img", "script", "iframe") and given.get("src"):
            self.loaded.append(str(given["src"]))
        if tag == "link" and given.get("rel") in ("stylesheet", "icon", "preload"):
            self.loaded.append(str(given["href"]))
        if tag == "img" and not given.get("alt", "").strip():
            self.without_alt.append(str(given.get("src")))


class Quiet(SimpleHTTPRequestHandler):
    """Serves files and keeps no log."""

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Path:
    """The site, in a folder."""
    return build_site(tmp_path_factory.mktemp("built") / "site").parent


@pytest.fixture(scope="module")
def pages(built) -> dict[Path, Page]:
    """All pages by their file."""
    return {file: Page(file) for file in built.rglob("*.html")}


def test_every_table_paper_and_method_has_a_page(built):
    for key, paper in PAPERS.items():
        assert (built / f"papers/{key}.html").exists() and (built / f"notebooks/{key}-method.html").exists()
        for spec in paper.tables:
            assert (built / f"tables/{key}-{spec.number}.html").exists()
    assert (built / "api/repro.html").exists() and (built / "searchindex.js").exists()


def test_every_link_leads_somewhere(pages):
    broken = []
    for file, page in pages.items():
        for link in page.links + page.loaded:
            address = urlsplit(link)
            if address.scheme or address.netloc:
                continue
            target = (file.parent / unquote(address.path)).resolve() if address.path else file
            target = target / "index.html" if target.is_dir() else target
            names = pages[target].names if target in pages and address.fragment else {unquote(address.fragment)}
            if not target.exists() or unquote(address.fragment) not in names:
                broken.append(f"{file.name}: {link}")
    assert not broken, broken[:10]


def test_nothing_is_loaded_from_elsewhere(pages):
    assert not [(file.name, one) for file, page in pages.items() for one in page.loaded if urlsplit(one).netloc]


def test_every_figure_has_an_alternative_text(pages):
    assert not [(file.name, one) for file, page in pages.items() for one in page.without_alt]


@pytest.fixture(scope="module")
def address(built):
    """Where the site is served on this machine."""
    handler = partial(Quiet, directory=str(built))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(scope="module")
def browser():
    """A headless Chromium."""
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: `pip install .[browser]`")
    if CHROMIUM is None:
        pytest.skip("there is no Chromium")
    with api.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.mark.parametrize("view", VIEWS)
def test_pages_open_without_an_error_and_fit_their_width(view, built, address, browser):
    width, height = VIEWS[view]
    page = browser.new_page(viewport={"width": width, "height": height})
    errors, elsewhere = [], []
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("request", lambda asked: None if asked.url.startswith((address, "data:")) else elsewhere.append(asked.url))
    wide = []
    for file in sorted(
        [
            built / "index.html",
            *built.glob("papers/*.html"),
            *built.glob("tables/*.html"),
            *built.glob("notebooks/*.html"),
        ]
    ):
        name = file.relative_to(built).as_posix()
        page.goto(f"{address}/{name}")
        if page.evaluate("document.documentElement.scrollWidth") > width:
            wide.append(name)
        broken = page.evaluate("[...document.images].filter(i => i.complete && !i.naturalWidth).map(i => i.src)")
        assert not broken, broken
    page.close()
    assert not errors and not elsewhere and not wide, (errors[:5], elsewhere[:5], wide)


def test_search_finds_a_paper_s_word_and_dark_mode_changes_the_page(address, browser):
    page = browser.new_page(viewport={"width": 1400, "height": 900})
    page.goto(f"{address}/search.html?q=attention")
    page.wait_for_selector("#search-results li a")
    assert page.locator("#search-results li a").count() > 3
    page.goto(address)
    colour = "getComputedStyle(document.body).backgroundColor"
    seen = set()
    for _ in range(3):  # as the system has it, light, dark
        seen.add(page.evaluate(colour))
        page.locator(".theme-toggle:visible").first.click()
    assert len(seen) > 1
    page.close()
