"""Imports go one way: types, data and modeling, training and export, scripts."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HEAVY = {"tensorflow", "keras", "tensorflow_datasets", "ai_edge_litert", "wandb"}
# A module may import from its own layer and those above it in this list.
LAYERS = [
    ("trash_keras.config", "trash_keras.storage.local", "trash_keras.metadata", "trash_keras.presets",
     "trash_keras.storage.remote", "trash_keras.batch.beam", "trash_keras.batch.writers",
     "trash_keras.demo", "trash_keras.pretrained"),
    ("trash_keras.data.catalog", "trash_keras.data.splits", "trash_keras.data.sources.synthetic_objects",
     "trash_keras.data.folds", "trash_keras.data.folds",
     "trash_keras.data.sources.synthetic", "trash_keras.data.formats", "trash_keras.data.decoding",
     "trash_keras.data.image_files", "trash_keras.data.image_inputs",
     "trash_keras.data.sources", "trash_keras.data.audit", "trash_keras.data.label_maps",
     "trash_keras.data.trashnet", "trash_keras.evaluation", "trash_keras.metrics",
     "trash_keras.calibration", "trash_keras.reporting"),
    ("trash_keras.data", "trash_keras.data.trashnet.trashnet_dataset_builder",
     "trash_keras.modeling"),
    ("trash_keras.predictor", "trash_keras.runtimes", "trash_keras.evaluation.score", "trash_keras.evaluation.benchmark",
     "trash_keras.batch.predict",
     "trash_keras.batch.shards", "trash_keras.evaluation.explain", "trash_keras.evaluation.explain",
     "trash_keras.evaluation.robustness",
     "trash_keras.evaluation.evaluate", "trash_keras.serving", "trash_keras.evaluation.ood"),
    ("trash_keras.training", "trash_keras.exporters", "trash_keras.tracking"),
    ("trash_keras.cli", "trash_keras.__main__", "experiments", "tools"),
]  # fmt: skip
WITHOUT_TENSORFLOW = 2  # the first layers
MODULES = sorted(
    path
    for folder in ("trash_keras", "experiments", "tools")
    for path in ROOT.glob(f"{folder}/**/*.py")
)


def name_of(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def layer_of(name):
    matches = [
        (len(prefix), index)
        for index, layer in enumerate(LAYERS)
        for prefix in layer
        if name == prefix or name.startswith(prefix + ".")
    ]
    return max(matches)[1] if matches else None


def imports(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_imports_go_one_way(path):
    name = name_of(path)
    layer = layer_of(name)
    if path.name == "__init__.py":
        # That of the package names what it would import; what it does import is tested.
        found = set(imports(ast.parse(path.read_text())))
        assert not found or name == "trash_keras"
        return
    assert layer is not None, f"{name} has no layer: add it to LAYERS"
    for imported in imports(ast.parse(path.read_text())):
        if imported.split(".")[0] in HEAVY:
            assert layer >= WITHOUT_TENSORFLOW, f"{name} imports {imported}"
        other = layer_of(imported)
        assert other is None or other <= layer, f"{name} imports {imported}"
        if name.startswith("experiments."):
            assert not imported.startswith("experiments"), f"{name} imports another script"
