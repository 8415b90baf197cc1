"""What was meant by an unknown flag: a misspelt one of ours, or the name it has in other tools."""

import difflib
from collections.abc import Sequence

from trash_keras.exporters.formats import FORMATS

# Names of Ultralytics, timm, Hugging Face, Keras and their like -> ours. A verb that has several
# of ours is told of all.
_SIZE = ("image_size",)
_RATE = ("finetune_learning_rate", "head_learning_rate")
_EPOCHS = ("finetune_epochs", "head_epochs")
_FOLDER = ("workdir", "output")
_MODEL = ("model", "init", "backbone")
_PRECISION = ("mixed_precision", "formats")
OTHER_NAMES: dict[str, tuple[str, ...]] = {
    "epochs": _EPOCHS, "epoch": _EPOCHS, "num_epochs": _EPOCHS, "num_train_epochs": _EPOCHS,
    "lr": _RATE, "lr0": _RATE, "learning_rate": _RATE, "base_learning_rate": _RATE,
    "batch": ("batch_size", "max_batch"), "bs": ("batch_size",),
    "per_device_train_batch_size": ("batch_size",),
    "imgsz": _SIZE, "img": _SIZE, "imgs": _SIZE, "img_size": _SIZE, "input_size": _SIZE,
    "resolution": _SIZE,
    "source": ("data_dir",), "data": ("data_dir",), "dataset": ("data_dir",),
    "input": ("data_dir",), "train_dir": ("data_dir",), "data_path": ("data_dir",),
    "weights": _MODEL, "checkpoint": _MODEL, "ckpt": _MODEL, "model_path": _MODEL,
    "model": ("backbone",), "arch": ("backbone",), "architecture": ("backbone",),
    "pretrained": ("weights", "init"), "initial_checkpoint": ("init", "weights"),
    "device": ("accelerator",), "gpu": ("accelerator",), "gpus": ("accelerator",),
    "name": (*_FOLDER, "wandb_name"), "project": (*_FOLDER, "wandb_project"),
    "run_name": (*_FOLDER, "wandb_name"),
    "output": (*_FOLDER, "data_dir"), "output_dir": (*_FOLDER, "data_dir"), "out": _FOLDER,
    "save_dir": _FOLDER, "outdir": _FOLDER, "logdir": _FOLDER,
    "conf": ("threshold", "target_risk"), "confidence": ("threshold", "target_risk"),
    "format": ("formats", "output_format"), "include": ("formats",),
    "half": _PRECISION, "fp16": _PRECISION, "amp": _PRECISION,
    "augment": ("tta",), "test_time_augmentation": ("tta",),
    "smoothing": ("label_smoothing",), "wd": ("weight_decay",), "drop": ("dropout",),
    "ema_decay": ("ema_momentum",), "model_ema": ("ema_momentum",),
    "model_ema_decay": ("ema_momentum",),
    "freeze": ("unfreeze_fraction",), "kd_alpha": ("distillation_alpha",),
    "kd_temperature": ("distillation_temperature",), "teacher_model": ("teacher",),
    "fliplr": ("flip",), "flipud": ("flip",), "hflip": ("flip",), "vflip": ("flip",),
    "degrees": ("rotation",), "translate": ("translation",), "scale": ("zoom",),
    "val_split": ("split_method",), "validation_split": ("split_method",),
    "cfg": ("preset", "flagfile"), "config": ("preset", "flagfile"), "recipe": ("preset",),
    "wandb": ("wandb_mode",), "log_wandb": ("wandb_mode",), "report_to": ("wandb_mode",),
    "random_state": ("seed",), "random_seed": ("seed",), "topk": ("top_k",),
}  # fmt: skip
# What these verbs take without a flag, and what others call the flag for it.
WITHOUT_FLAG = {
    "predict": "PATH...",
    "compare": "RUN RUN...",
    "benchmark": "MODEL MODEL...",
    "review": "DIR",
}
_INPUTS = {"source", "input", "data", "data_dir", "images", "image", "path", "paths", "file"}
_INPUTS |= {"files", "model", "models", "weights", "run", "runs", "workdir"}


def unknown_flag(name: str, known: Sequence[str], program: str) -> str:
    """Returns what to say about a flag that a verb does not have.

    Args:
        name: The flag as it was typed, without dashes before it.
        known: The flags of the verb.
        program: What is typed to start it, as in "trash-keras train".
    """
    return f"Unknown flag --{name}. {_hint(name.replace('-', '_').lower(), known, program)}"


def _hint(name: str, known: Sequence[str], program: str) -> str:
    verb = program.split()[-1]
    if name in known:
        return f"Flags are written with underscores: --{name}."
    if found := [ours for ours in OTHER_NAMES.get(name, ()) if ours in {*known, "flagfile"}]:
        return _did_you_mean(found)
    if name in FORMATS and "formats" in known:
        return f"Did you mean --formats={name}?"
    if verb in WITHOUT_FLAG and name in _INPUTS:
        return f"It is named without a flag: {program} {WITHOUT_FLAG[verb]}"
    if OTHER_NAMES.get(name) == _SIZE and "model" in known:
        return "The model file says which size it takes."
    if "calibration_images" in known and name in _INPUTS:  # export
        return "A run is exported, --workdir=RUN: the folder of its model.keras."
    if name == "resume":
        return "The same command again goes on where a killed one stopped."
    if name in ("classes", "num_classes", "nc") and "data_dir" in known:
        return "The classes are the sub-folders of --data_dir."
    if near := difflib.get_close_matches(name, known, 1):
        return _did_you_mean(near)
    return f"All flags: {program} --help_all"


def _did_you_mean(names: Sequence[str]) -> str:
    return f"Did you mean {' or '.join(f'--{name}' for name in names)}?"
