"""Imports of the package run one way, in no circle, and leave private names alone; few modules lie loose at its root."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[1]
LAYERS = (  # folders, or modules at the root; each imports from its own line and from those above it alone
    {"errors", "paths", "geometry"},
    {"support", "skeletons"},
    {"data", "encoders", "grouping"},
    {"models", "losses", "metrics"},
    {"decoders"},
    {"parts", "recipe"},
    {"papers", "training"},
    {"approaches"},
    {"scales", "runs", "reporting"},
    {"tables"},
    {"pretraining", "experiments", "fetch", "gpu_check", "cluster", "site", "api"},
    {"cli"},
    {"__main__"},
)
LOOSE = 6  # modules at the root at most
# What runs against the order, or takes a private name, and cannot be mended yet: (module, what it imports) and why. Take out what
# is mended, add nothing.
EXCEPTIONS: dict[tuple[str, str], str] = {}


class Import(NamedTuple):
    """An import of one name: ``module`` is what is imported, or where ``name`` comes from; here it is called ``known``."""

    line: int
    module: str
    name: str
    known: str


def sources(root: Path) -> dict[str, Path]:
    """The modules of the package ``repro`` under a root, by their dotted names."""
    files = sorted((root / "repro").rglob("*.py"))
    return {
        ".".join((file.parent if file.stem == "__init__" else file.with_suffix("")).relative_to(root).parts): file
        for file in files
    }


def imports_of(name: str, file: Path, modules: set[str]) -> Iterator[Import]:
    """What a module imports of the package, within functions and for types too."""
    package = name if file.stem == "__init__" else name.rpartition(".")[0]
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (Import(node.lineno, one.name, "", "") for one in node.names if one.name in modules)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            source = ".".join([*above, *([node.module] if node.module else [])])
            for one in node.names if source.split(".")[0] == "repro" else ():
                whole = f"{source}.{one.name}"
                yield Import(node.lineno, whole if whole in modules else source, one.name, one.asname or one.name)


def folder(module: str) -> str:
    """The folder of a module, or its own name at the root."""
    return (module.split(".") + ["__init__"])[1]


def level(module: str) -> int:
    """The layer of a module; the package itself, which holds nothing, is below all."""
    if module == "repro":
        return -1
    found = [number for number, layer in enumerate(LAYERS) if folder(module) in layer]
    assert found, f"{module} lies in no layer: give repro/{folder(module)} a line of LAYERS, above all that imports it."
    return found[0]


def against_order(graph: dict[str, list[Import]]) -> dict[tuple[str, str], str]:
    """The imports that run against the order, each in a sentence."""
    return {
        (name, one.module): f"{name}, line {one.line}, imports {one.module}, which lies above it."
        for name, found in graph.items()
        for one in found
        if name != "repro" and level(one.module) > level(name)
    }


def private_names(graph: dict[str, list[Import]], files: dict[str, Path]) -> dict[tuple[str, str], str]:
    """Private names that are taken from other modules, imported or as an attribute, each in a sentence."""
    found = {}
    for name, imports in graph.items():
        for one in imports:
            if one.name.startswith("_"):
                found[name, f"{one.module}.{one.name}"] = f"{name}, line {one.line}, imports {one.name} of {one.module}."
        given = {one.known: one.module for one in imports if one.name and one.module.endswith(f".{one.name}")}
        for node in ast.walk(ast.parse(files[name].read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in given:
                module, attribute = given[node.value.id], node.attr
                if attribute.startswith("_") and not attribute.startswith("__"):
                    found[name, f"{module}.{attribute}"] = f"{name}, line {node.lineno}, uses {attribute} of {module}."
    return found


def circles(edges: dict[str, set[str]]) -> list[list[str]]:
    """Groups of nodes that reach each other, by Tarjan's strongly connected components."""
    found: list[list[str]] = []
    number: dict[str, int] = {}
    lowest: dict[str, int] = {}
    stack: list[str] = []

    def visit(node: str) -> None:
        number[node] = lowest[node] = len(number)
        stack.append(node)
        for other in sorted(edges.get(node, ())):
            if other not in number:
                visit(other)
            if other in stack:
                lowest[node] = min(lowest[node], lowest[other])
        if lowest[node] == number[node]:
            place = stack.index(node)
            group, stack[place:] = stack[place:], []
            if len(group) > 1:
                found.append(sorted(group))

    for node in edges:
        if node not in number:
            visit(node)
    return found


FILES = sources(ROOT)
GRAPH = {name: list(imports_of(name, file, set(FILES))) for name, file in FILES.items()}


def told(found: dict[tuple[str, str], str]) -> str:
    """What is wrong and not excepted, a line each."""
    return "\n".join(text for key, text in found.items() if key not in EXCEPTIONS)


def test_imports_run_one_way():
    found = told(against_order(GRAPH))
    assert not found, f"{found}\nMove what is imported down, or the module up, to a line of LAYERS that fits."


def test_modules_import_each_other_in_no_circle():
    edges = {name: {one.module for one in found} - {name} for name, found in GRAPH.items()}
    found = circles(edges)
    assert not found, f"These modules import each other in a circle: {found}. Move what they share to a module below them."


def test_folders_of_one_layer_import_each_other_in_no_circle():
    edges: dict[str, set[str]] = {}
    for name, found in GRAPH.items():
        others = {folder(one.module) for one in found if one.module != "repro"}
        edges.setdefault(folder(name), set()).update(others - {folder(name)})
    found = circles(edges)
    assert not found, f"These folders import each other in a circle: {found}. Move what they share to one below them."


def test_private_names_stay_in_their_module():
    found = told(private_names(GRAPH, FILES))
    assert not found, f"{found}\nGive what others use a public name."


def test_few_modules_lie_loose_at_the_root():
    loose = sorted(file.name for file in (ROOT / "repro").glob("*.py") if file.stem != "__init__")
    assert len(loose) <= LOOSE, f"{len(loose)} modules lie at the root of repro/: {', '.join(loose)}. Put them into folders."


def test_what_is_excepted_is_still_there():
    mended = EXCEPTIONS.keys() - {**against_order(GRAPH), **private_names(GRAPH, FILES)}.keys()
    assert not mended, f"{mended} is mended: take it out of EXCEPTIONS."


@pytest.fixture
def package(tmp_path):
    """Writes modules of a package ``repro``, by path and text, and gives their files and imports."""

    def write(**texts: str) -> tuple[dict[str, Path], dict[str, list[Import]]]:
        for path, text in texts.items():
            file = tmp_path / "repro" / f"{path.replace('__', '/')}.py"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        files = sources(tmp_path)
        return files, {name: list(imports_of(name, file, set(files))) for name, file in files.items()}

    return write


def test_an_import_against_the_order_is_found_in_functions_too(package):
    _, graph = package(
        data__boxes="def f():\n    from repro.training.loop import train\n",
        training__loop="from repro.data import boxes\nfrom repro import errors\n",
        errors="",
    )
    assert list(against_order(graph)) == [("repro.data.boxes", "repro.training.loop")]
    assert circles({name: {one.module for one in found} for name, found in graph.items()}) == [
        ["repro.data.boxes", "repro.training.loop"]
    ]


def test_relative_imports_are_followed(package):
    _, graph = package(runs__files="from ..tables import plan\nfrom .run import f\n", runs__run="", tables__plan="")
    assert [one.module for one in graph["repro.runs.files"]] == ["repro.tables.plan", "repro.runs.run"]
    assert list(against_order(graph)) == [("repro.runs.files", "repro.tables.plan")]


def test_private_names_are_found_imported_and_as_attributes(package):
    files, graph = package(
        data__crops="from repro.data.boxes import _area\nfrom repro.data import boxes as b\nb._side\nb.__name__\n",
        data__boxes="_own = 1\nself._own\n",
    )
    assert sorted(private_names(graph, files)) == [
        ("repro.data.crops", "repro.data.boxes._area"),
        ("repro.data.crops", "repro.data.boxes._side"),
    ]


def test_circles_by_hand():
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": {"a"}}) == [["b", "c"]]
    assert circles({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == []
