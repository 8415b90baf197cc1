"""TrashNet image classification by transfer learning in pure Keras: train, evaluate, export,
and inference on phones, in browsers and on servers.

    import trash_keras as tk

    classifier = tk.load()  # the pretrained model in the package; or of a file: tk.load(FILE)
    classifier.predict("photo.jpg").label  # a path, bytes, a PIL image or an array; a list of them
    classifier.predict_proba(images)  # [N, height, width, 3], 0..255 -> float32 [N, classes]

    report = tk.train(tk.Config.make(data_dir="my-images", preset="best"), "runs/mine")
    report = tk.adapt("my-images", "runs/mine")  # a few images a class of a new place
    report = tk.evaluate("runs/mine/model.keras", "my-images")
    tk.export("runs/mine", formats=["int8"])

Inference needs the extra `runtime`, the rest the extra `train`. What is named here is imported
when it is first used, and TensorFlow with what needs it.
"""  # noqa: D205 the first sentence takes two lines

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trash_keras.config import Config
    from trash_keras.evaluation.evaluate import evaluate
    from trash_keras.exporters.exporter import export
    from trash_keras.predictor import Prediction, Predictor, load
    from trash_keras.training.adapt import adapt
    from trash_keras.training.trainer import train_and_evaluate as train

__version__ = "0.1.0"
__all__ = [
    "Config",
    "Prediction",
    "Predictor",
    "__version__",
    "adapt",
    "evaluate",
    "export",
    "load",
    "train",
]

# Name -> where it lives, and its name there.
_HOMES = {
    "Config": ("trash_keras.config", "Config"),
    "Prediction": ("trash_keras.predictor", "Prediction"),
    "Predictor": ("trash_keras.predictor", "Predictor"),
    "adapt": ("trash_keras.training.adapt", "adapt"),
    "evaluate": ("trash_keras.evaluation.evaluate", "evaluate"),
    "export": ("trash_keras.exporters.exporter", "export"),
    "load": ("trash_keras.predictor", "load"),
    "train": ("trash_keras.training.trainer", "train_and_evaluate"),
}


def __getattr__(name: str) -> Any:
    """Imports a name of `__all__` when it is first asked for (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, attribute = _HOMES[name]
    from trash_keras.host import imports
    from trash_keras.host.packages import install_hint

    try:
        with imports.keras_on_tensorflow():
            found = getattr(importlib.import_module(module), attribute)
    except ModuleNotFoundError as error:
        raise ImportError(
            f"{__name__}.{name} needs the package {error.name}: {install_hint('train')}"
        ) from error
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    """Returns the names of `__all__`, imported or not."""
    return __all__
