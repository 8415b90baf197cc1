"""Leaves settings out of a `.keras` file that older versions of Keras 3 do not know.

Keras writes every argument of every layer, and an older version refuses a file for one that it
has not heard of, even where the value says that nothing new is used.
"""

import json
import os
import shutil
import tempfile
import zipfile
from pathlib import Path
from typing import Any

from trash_keras.storage import text_files

# Arguments that came after Keras 3.0, with the values by which layers are as they were before.
NEWER: dict[str, tuple] = {
    "input_axes": (None,),
    "output_axes": (None,),
    "quantization_config": (None,),
    "renorm": (False,),
    "renorm_clipping": (None,),
    "renorm_momentum": (0.99,),
    "optional": (False,),
    "ragged": (False,),
    "pad_to_aspect_ratio": (False,),
    "fill_mode": ("constant",),
    "fill_value": (0.0,),
}
_CONFIG, _ABOUT = "config.json", "metadata.json"


def leave_out_newer(path: str | os.PathLike) -> None:
    """Rewrites the configuration in a `.keras` file without what equals its default in `NEWER`.

    And without times, so that the same model is the same file.

    Args:
        path: A file that Keras wrote; its other entries stay as they are.
    """
    with tempfile.TemporaryFile(dir=Path(path).parent) as rewritten:
        with zipfile.ZipFile(path) as old, zipfile.ZipFile(rewritten, "w") as new:
            for entry in old.infolist():
                if entry.filename == _CONFIG:
                    settings = _nameless_operations(_pruned(text_files.from_json(old.read(entry))))
                    new.writestr(zipfile.ZipInfo(_CONFIG), json.dumps(settings))
                elif entry.filename == _ABOUT:
                    facts = text_files.from_json(old.read(entry))
                    facts.pop("date_saved", None)
                    new.writestr(zipfile.ZipInfo(_ABOUT), json.dumps(facts))
                else:
                    timeless = zipfile.ZipInfo(entry.filename)
                    with old.open(entry) as source, new.open(timeless, "w") as target:
                        shutil.copyfileobj(source, target)
        rewritten.seek(0)
        with open(path, "wb") as file:
            shutil.copyfileobj(rewritten, file)


def _nameless_operations(model: dict[str, Any]) -> dict[str, Any]:
    """Leaves out the names of operations, which were no arguments before Keras 3.11.

    Keras gives them new ones. Those in nested models stay, where they might meet a layer's name.
    """
    for layer in model["config"].get("layers", ()):
        if str(layer.get("module")).startswith("keras.src.ops."):
            layer["config"].pop("name", None)
    return model


def _pruned(value: Any) -> Any:
    if isinstance(value, list):
        return [_pruned(each) for each in value]
    if not isinstance(value, dict):
        return value
    found = {key: _pruned(each) for key, each in value.items()}
    if "class_name" in found and isinstance(settings := found.get("config"), dict):
        found["config"] = {
            key: each for key, each in settings.items() if not (key in NEWER and each in NEWER[key])
        }
    return found
