"""Imports go one way: a floor imports itself and lower ones. See docs/architecture.md."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HEAVY = {"tensorflow", "keras", "tensorflow_datasets", "wandb"}
# Rooms of trash_keras/, by name; a room imports from its own floor and those before it.
FLOORS = (
    {"host", "storage", "pretrained", "presets"},
    {"metadata"},
    {"config"},
    {"data"},
    {"predictor", "metrics"},
    {"calibration", "reporting", "batch", "serving", "review"},
    {"models", "scanning", "tracking"},
    {"evaluation", "runtimes"},
    {"training", "exporters"},
    {"benchmarks"},
    {"cli"},
)
FIRST_HEAVY_FLOOR = 6
HEAVY_DATA = {"pipeline", "readers", "augmentation", "validation", "trashnet"}
MODULES = sorted(ROOT.glob("trash_keras/**/*.py"))


def rooms(module):
    """Returns the names of a module without that of the package: its room first."""
    return module.split(".")[1:]


def floor_of(module):
    room = rooms(module)[0]
    return next(index for index, floor in enumerate(FLOORS) if room in floor)


def name_of(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def may_be_heavy(module):
    room, *below = rooms(module)
    return floor_of(module) >= FIRST_HEAVY_FLOOR or (room == "data" and below[0] in HEAVY_DATA)


INSIDE = [path for path in MODULES if path.parent != ROOT / "trash_keras" or "__" not in path.name]


@pytest.mark.parametrize("path", INSIDE, ids=name_of)
def test_a_room_imports_from_its_own_floor_and_lower_ones(path):
    name = name_of(path)
    for imported in imports(path):
        if imported.startswith("trash_keras."):
            assert floor_of(imported) <= floor_of(name), f"{name} imports {imported}"
        if imported.split(".")[0] in HEAVY:
            assert may_be_heavy(name), f"{name} imports {imported}"


@pytest.mark.parametrize("name", ["__init__", "__main__"])
def test_the_face_and_the_command_import_the_package_late(name):
    path = ROOT / "trash_keras" / f"{name}.py"
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ImportFrom):
            assert not (node.module or "").startswith("trash_keras"), ast.unparse(node)


def test_every_room_is_on_one_floor_and_nothing_else_is_loose():
    found = {
        path.stem
        for path in (ROOT / "trash_keras").iterdir()
        if not path.name.startswith("__")
        and (path.suffix == ".py" or (path / "__init__.py").exists())
    }
    assert found == set().union(*FLOORS)
    loose = {path.stem for path in (ROOT / "trash_keras").glob("*.py")}
    assert loose == {"__init__", "__main__", "config", "metadata", "predictor", "pretrained"}


def test_no_two_packages_import_each_other():
    edges = {
        (rooms(name_of(path))[0], rooms(imported)[0])
        for path in INSIDE
        for imported in imports(path)
        if imported.startswith("trash_keras.")
    }
    assert not {tuple(sorted(edge)) for edge in edges if edge[0] != edge[1] and edge[::-1] in edges}
