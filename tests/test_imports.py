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
    """What a module imports of the package, within functions, for types and by ``import_module`` too."""
    package = name if file.stem == "__init__" else name.rpartition(".")[0]
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (Import(node.lineno, one.name, "", one.asname or "") for one in node.names if one.name in modules)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            source = ".".join([*above, *([node.module] if node.module else [])])
            for one in node.names if source.split(".")[0] == "repro" else ():
                whole = f"{source}.{one.name}"
                yield Import(node.lineno, whole if whole in modules else source, one.name, one.asname or one.name)
        elif isinstance(node, ast.Assign | ast.Call):
            target = node.targets[0] if isinstance(node, ast.Assign) else None
            found = called_import(node.value if isinstance(node, ast.Assign) else node, package)
            if found in modules:
                yield Import(node.lineno, found, "", target.id if isinstance(target, ast.Name) else "")


def called_import(node: ast.AST, package: str) -> str:
    """The module that ``import_module("repro.x")`` brings in, of an f-string the folder; '' for other expressions."""
    if not (isinstance(node, ast.Call) and ast.unparse(node.func) in ("import_module", "importlib.import_module", "__import__")):
        return ""
    given = node.args[0] if node.args else None
    parts = given.values if isinstance(given, ast.JoinedStr) else [given]
    text = parts[0].value if isinstance(parts[0], ast.Constant) and isinstance(parts[0].value, str) else ""
    text = text if len(parts) == 1 else text.rpartition(".")[0]
    dots = len(text) - len(text.lstrip("."))
    above = package.split(".")[: len(package.split(".")) - dots + 1] if dots else []
    return ".".join([*above, *filter(None, [text[dots:]])])


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
            if is_private(one.name):
                found[name, f"{one.module}.{one.name}"] = f"{name}, line {one.line}, imports {one.name} of {one.module}."
        package = name if files[name].stem == "__init__" else name.rpartition(".")[0]
        known = {one.known: whole_name(one) for one in imports if one.known}
        known |= {one.module: one.module for one in imports if not one.known}  # import repro.x
        for node in ast.walk(ast.parse(files[name].read_text(encoding="utf-8"))):
            owner, attribute = attribute_of(node)
            if is_private(attribute) and owner is not None:
                module = called_import(owner, package) or resolved(ast.unparse(owner), known)
                if module.split(".")[0] == "repro" and module != name:
                    found[name, f"{module}.{attribute}"] = f"{name}, line {node.lineno}, uses {attribute} of {module}."
    return found


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


def whole_name(one: Import) -> str:
    """The dotted name of what an import brings in: a module, or something in it."""
    is_module = not one.name or one.module.endswith(f".{one.name}")
    return one.module if is_module else f"{one.module}.{one.name}"


def attribute_of(node: ast.AST) -> tuple[ast.AST | None, str]:
    """The owner and the name of an attribute, also in ``getattr(owner, "name")``."""
    if isinstance(node, ast.Attribute):
        return node.value, node.attr
    if isinstance(node, ast.Call) and ast.unparse(node.func) == "getattr" and len(node.args) > 1:
        return node.args[0], node.args[1].value if isinstance(node.args[1], ast.Constant) else ""
    return None, ""


def resolved(dotted: str, known: dict[str, str]) -> str:
    """What a dotted name of a module's text means, by the longest imported name that it begins with; '' where by none."""
    parts = dotted.split(".")
    for stop in range(len(parts), 0, -1):
        if (start := ".".join(parts[:stop])) in known:
            return ".".join([known[start], *parts[stop:]])
    return ""


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
            file = tmp_path / "repro" / f"{path.replace('__', '/').replace('INIT', '__init__')}.py"
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


@pytest.mark.parametrize(
    "text",
    ["from repro.data import boxes\nboxes._side", "import repro.data.boxes as b\nb._side",
     "import repro.data.boxes\nrepro.data.boxes._side",
     "import repro.data as d\nd.boxes._side", "from repro import data\ndata.boxes._side", "from . import boxes\nboxes._side",
     "import importlib\nb = importlib.import_module('repro.data.boxes')\nb._side",
     "from importlib import import_module\nimport_module('repro.data.boxes')._side",
     "from repro.data import boxes\ngetattr(boxes, '_side')",
     "from importlib import import_module\nimport_module('.boxes', 'repro.data')._side"],
)  # fmt: skip
def test_private_names_are_found_by_whatever_name_their_module_has(text, package):
    files, graph = package(data__crops=text, data__boxes="_side = 1\n", data__INIT="")
    assert list(private_names(graph, files)) == [("repro.data.crops", "repro.data.boxes._side")]


def test_private_names_of_classes_are_found_and_those_of_ones_own_are_not(package):
    files, graph = package(
        data__crops="from repro.data.boxes import Box\nBox._new()\nown = Box()\nown._side\nself._own\n",
        data__boxes="class Box:\n    _new = 1\n",
    )
    assert list(private_names(graph, files)) == [("repro.data.crops", "repro.data.boxes.Box._new")]


def test_modules_that_are_imported_by_a_call_count_as_imported(package):
    _, graph = package(
        data__boxes="import importlib\nimportlib.import_module('repro.training.loop')\n",
        data__crops="from importlib import import_module\nimport_module(f'repro.papers.{key}')\nimport_module(key)\n",
        training__loop="",
        papers__INIT="",
    )
    assert sorted(against_order(graph)) == [
        ("repro.data.boxes", "repro.training.loop"),
        ("repro.data.crops", "repro.papers"),
    ]


def test_circles_by_hand():
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": {"a"}}) == [["b", "c"]]
    assert circles({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == []
