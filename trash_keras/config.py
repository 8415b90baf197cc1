"""What a run is: frozen dataclasses, checked when made, to and from JSON.

Each field states its default, help text, unit and allowed values once; the command-line flags
are made from them (`trash_keras/cli/flags.py`). Nothing here imports TensorFlow.
"""

import dataclasses
import difflib
import json
import math
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Self, TypeVar

from trash_keras.metadata import LARGEST_SIDE, RESIZES, VIEWS
from trash_keras.presets import reader
from trash_keras.storage import checksums, local, text_files
from trash_keras.storage.addresses import public_value
from trash_keras.storage.paths import expand_list

_Options = TypeVar("_Options")
AUTO = -1  # what `auto` stands for, in settings that take it in place of a whole number


def option(
    default: Any,
    help_text: str,
    *,
    minimum: float | None = None,
    maximum: float | None = None,
    choices: Sequence[str] | Sequence[int] = (),
    changes_result: bool = True,
    may_be_auto: bool = False,
) -> Any:
    """Declares one setting.

    Args:
        default: The default value; its type is the type of the flag.
        help_text: One line, with the unit.
        minimum: Smallest allowed value; every number without choices has one.
        maximum: Largest allowed value, above which it is a slip of the pen.
        choices: Allowed strings or whole numbers; empty for any.
        changes_result: False for settings that a resumed run may change freely.
        may_be_auto: `auto` is allowed, too, and kept as `AUTO`.

    Returns:
        A dataclass field.
    """
    metadata = {
        "help": help_text,
        "minimum": minimum,
        "maximum": maximum,
        "choices": tuple(choices),
        "changes_result": changes_result,
        "may_be_auto": may_be_auto,
        "is_path": False,
    }
    return dataclasses.field(default=default, metadata=metadata)


def path_option(default: str, help_text: str, changes_result: bool = True) -> Any:
    """Declares one setting that is a path, or several separated by commas.

    `~` is the home folder in it. Arguments and result are as for `option`.
    """
    declared = option(default, help_text, changes_result=changes_result)
    return dataclasses.field(default=default, metadata={**declared.metadata, "is_path": True})


class _Checked:
    """Checks every field of a section against its declaration when the section is made."""

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):  # type: ignore[arg-type]
            if field.metadata["may_be_auto"] and getattr(self, field.name) in ("auto", AUTO):
                object.__setattr__(self, field.name, AUTO)
                continue
            _check(field, getattr(self, field.name))
            if field.metadata["is_path"]:
                object.__setattr__(self, field.name, expand_list(getattr(self, field.name)))


def _check(field: dataclasses.Field, value: Any) -> None:
    wanted = type(field.default)
    # An int may stand for a float; a bool may not stand for an int.
    right_type = type(value) is wanted or (wanted is float and type(value) is int)
    if not right_type:
        raise ValueError(f"--{field.name} must be a {wanted.__name__}. Received: {value!r}")
    choices, low, high = (field.metadata[key] for key in ("choices", "minimum", "maximum"))
    if choices and value not in choices:
        allowed = ", ".join(map(str, choices))
        raise ValueError(f"--{field.name} must be one of {allowed}. Received: {value!r}")
    is_number = wanted in (int, float) and not choices
    if is_number and not (math.isfinite(value) and low <= value <= high):
        raise ValueError(f"--{field.name} must be between {low} and {high}. Received: {value}")


@dataclasses.dataclass(frozen=True)
class DataConfig(_Checked):
    """Which images, how they are split, and their size."""

    data_dir: str = path_option(
        "notebooks/my-trash-dataset/train",
        "Folder with one sub-folder of images per class, folder of shards (--data_format), or "
        "tfds:NAME[@FOLDER] of tensorflow-datasets. Several sources are separated by commas, each "
        "PLACE or NAME=PLACE; each is split by itself and reported by itself.",
    )
    label_map: str = path_option(
        "",
        "JSON file of the data's classes and those to train, or null to leave a class out; for "
        "several sources one each, separated by commas, an empty entry for none.",
    )
    data_source: str = path_option(
        "",
        "Where the images come from if DATA_DIR is not there yet, as --source of prepare: "
        "trashnet (Hugging Face), an address, an archive or a folder. Of several sources it is for "
        "the first. Empty: DATA_DIR must exist.",
        changes_result=False,
    )
    data_format: str = option(
        "folder",
        "What --data_dir holds: image files, or the shards that `trash-keras prepare` writes. Not "
        "for tfds:NAME.",
        choices=("folder", "tfrecord", "array_record"),
        changes_result=False,
    )
    split_method: str = option(
        "stratified",
        "stratified: seeded 70/13/17% of each class; grouped: the same with near-duplicates in one "
        "split; official: the lists of the TrashNet authors; folders: DATA_DIR has train, valid "
        "and test, or train and one of them; leave_one_source_out: a fold of each of several "
        "sources, for cross_validate.",
        choices=("stratified", "grouped", "official", "folders", "leave_one_source_out"),
    )
    groups: str = path_option(
        "",
        "JSON file of near-duplicates for --split_method=grouped, as `trash-keras audit --groups` "
        "writes it. Empty: what the backbone's features find, see --group_similarity.",
    )
    group_similarity: float = option(
        0.8,
        "Least cosine of two images' features, less the mean of all, that makes them "
        "near-duplicates where no --groups are named.",
        minimum=0,
        maximum=1,
    )
    split_dir: str = path_option(
        "",
        "Folder of one-indexed-files-notrash_{train,val,test}.txt for --split_method=official. "
        "Empty: the parent of --data_dir if it holds any, else those in the package.",
    )
    other_dir: str = path_option(
        "",
        "Folder of training images of none of the classes, which the model learns to be unsure of "
        "(outlier exposure, for out-of-distribution detection). Best taken in the place and way of "
        "the others. Empty: none.",
    )
    bad_files: str = option(
        "error",
        "What to do with files that cannot be decoded: stop, or leave out and list in the report.",
        choices=("error", "skip"),
    )
    slices: str = path_option(
        "",
        "CSV file with the columns file and subset (or another one, FILE.csv:COLUMN), to show the "
        "recall on each slice of the data. `file` is a path in the data folder, or its last part.",
        changes_result=False,
    )
    audit: str = path_option(
        "",
        "audit.json of `trash-keras audit`, to mark those errors in the report whose label it "
        "doubts. Empty: none.",
        changes_result=False,
    )
    max_megapixels: float = option(
        100.0,
        "Most pixels of an image to decode, millions; larger files count as undecodable.",
        minimum=0.01,
        maximum=10_000,
    )
    image_size: int = option(
        224, "Height and width fed to the model, pixels.", minimum=16, maximum=LARGEST_SIDE
    )
    resize: str = option(
        "stretch",
        "How an image becomes square: stretch (timm: squash), crop (to the centre; timm: center; "
        "Keras: crop_to_aspect_ratio), pad (grey bars; timm: border; Keras: pad_to_aspect_ratio).",
        choices=RESIZES,
    )
    batch_size: int = option(
        32,
        "Images per step, over all devices. auto: 32, or the half of it, and so on, that memory "
        "allows.",
        minimum=1,
        maximum=65_536,
        may_be_auto=True,
    )
    cache_dir: str = path_option(
        "",
        "Folder for the file cache of decoded images. Empty: cache in memory.",
        changes_result=False,
    )
    cache_megabytes: int = option(
        4096,
        "Most memory for decoded images and features, 10^6 bytes; what is larger is read from "
        "disk each epoch.",
        minimum=0,
        maximum=10**9,
        changes_result=False,
    )
    deterministic_reads: bool = option(
        True,
        "Read tfrecord shards in a fixed order. False: as they arrive, faster over a network, "
        "and runs of one seed differ.",
    )


@dataclasses.dataclass(frozen=True)
class AugmentationConfig(_Checked):
    """Data augmentation: random changes to training images; 0, none or a ratio of 1: not at all."""

    flip: str = option(
        "horizontal_and_vertical",
        "Axes of random flips; all: the diagonal, too, so that images also turn by quarters.",
        choices=("none", "horizontal", "vertical", "horizontal_and_vertical", "all"),
    )
    rotation: float = option(30.0, "Largest rotation, degrees.", minimum=0, maximum=180)
    zoom: float = option(0.2, "Largest zoom in or out, share of the side.", minimum=0, maximum=0.9)
    aspect_ratio: float = option(
        1.0, "Largest factor by which width or height is squeezed.", minimum=1, maximum=4
    )
    translation: float = option(0.1, "Largest shift, share of the side.", minimum=0, maximum=0.9)
    brightness: float = option(
        0.1, "Largest brightness change, share of the range 0..255.", minimum=0, maximum=1
    )
    contrast: float = option(
        0.2, "Largest contrast change, share of the deviation from the mean.", minimum=0, maximum=1
    )
    background: float = option(
        0.0,
        "Share of images that get another background. Needs objects on a plain, pale board as in "
        "TrashNet; other images stay unchanged.",
        minimum=0,
        maximum=1,
    )


@dataclasses.dataclass(frozen=True)
class ModelConfig(_Checked):
    """The network: a backbone and a linear head on its pooled features."""

    backbone: str = path_option(
        "ResNet50",
        "EfficientNetLite0, 1 or 2 (made for 224, 240 and 260 px), a keras.applications "
        "constructor, or the path of a .keras feature extractor that takes RGB 0..255 and scales "
        "it itself.",
    )
    weights: str = path_option(
        "imagenet",
        "Pretrained weights of the backbone, for transfer learning: imagenet (downloads; for "
        "EfficientNetLite from the extra lite, without), none (random), or the path of a weights "
        "file. A .keras backbone brings its own; none discards them.",
    )
    init: str = path_option(
        "",
        "model.keras of a run, or any .keras file of this project, to go on from (transfer "
        "learning): its backbone, and its head for the classes that both have; other classes get a "
        "new one. The head phase still trains. --backbone and --weights are then ignored.",
    )
    dropout: float = option(
        0.2, "Dropout between pooled features and classes, share.", minimum=0, maximum=0.95
    )

    @property
    def from_scratch(self) -> bool:
        """Whether a run starts from random weights, with nothing in them worth freezing."""
        return self.weights == "none" and not self.init


@dataclasses.dataclass(frozen=True)
class TrainingConfig(_Checked):
    """Transfer learning: the head first, then fine-tuning; from random weights the latter alone."""

    head_epochs: int = option(
        40,
        "Epochs of the head with the backbone frozen (feature extraction).",
        minimum=0,
        maximum=100_000,
    )
    head_learning_rate: float = option(
        2e-3, "Peak learning rate of the head phase, per step.", minimum=0, maximum=1000
    )
    head_views: int = option(
        0,
        "Augmented views of each image that the head trains on (data augmentation); 0: the images "
        "as they are.",
        minimum=0,
        maximum=1000,
    )
    finetune_epochs: int = option(
        12, "Epochs of fine-tuning, with the backbone unfrozen.", minimum=0, maximum=100_000
    )
    finetune_learning_rate: float = option(
        3e-4, "Peak learning rate of the fine-tuning phase, per step.", minimum=0, maximum=1000
    )
    unfreeze_fraction: float = option(
        1.0,
        "Share of the backbone's layers to unfreeze, counted from the top.",
        minimum=0,
        maximum=1,
    )
    scale_learning_rate: str = option(
        "none",
        "Multiply both peak learning rates by BATCH_SIZE / 32, the images of a step over all "
        "devices (linear), or by the square root of that (sqrt, for Adam and its kind).",
        choices=("none", "linear", "sqrt"),
    )
    warmup_ratio: float = option(
        0.1, "Share of a phase's steps with rising learning rate.", minimum=0, maximum=1
    )
    weight_decay: float = option(
        0.01, "AdamW weight decay, per step and rate.", minimum=0, maximum=1000
    )
    ema_momentum: float = option(
        0.0,
        "Momentum, per step, of the exponential moving average (EMA) of the weights, which is what "
        "is scored and kept; 0: none.",
        minimum=0,
        maximum=0.9999,
    )
    other_weight: float = option(
        0.5,
        "Weight of an image of --other_dir in the training loss, where an image of the classes has "
        "1 on average.",
        minimum=0,
        maximum=1000,
    )
    label_smoothing: float = option(
        0.1, "Label smoothing of the training loss, share.", minimum=0, maximum=0.9
    )
    class_weights: str = option(
        "balanced",
        "balanced: every class has the same weight in the training loss, however few its images.",
        choices=("balanced", "none"),
    )
    source_weights: str = option(
        "sqrt",
        "How several sources share the weight of each class in the training loss. none: by their "
        "images; sqrt: by the square roots of these, so that a small source is not drowned; "
        "balanced: alike.",
        choices=("none", "sqrt", "balanced"),
    )


@dataclasses.dataclass(frozen=True)
class DistillationConfig(_Checked):
    """Knowledge distillation: learning from the predictions of finished runs (teachers)."""

    teacher: str = path_option(
        "",
        "model.keras of a finished run whose predictions for the augmented images are learned "
        "(knowledge distillation); the same classes and the same split. Several, separated by "
        "commas, teach the mean of their predictions. For a cross-validation the folders of "
        "finished ones with the same folds: each fold learns from its own. Empty: labels alone.",
    )
    distillation_alpha: float = option(
        1.0,
        "Share of the teacher's prediction in what is learned (distillation); the rest is the "
        "label.",
        minimum=0,
        maximum=1,
    )
    distillation_temperature: float = option(
        1.0,
        "Divides the teacher's logits (distillation temperature); over 1 shows more of which "
        "classes it finds alike.",
        minimum=0.05,
        maximum=20,
    )


@dataclasses.dataclass(frozen=True)
class CalibrationConfig(_Checked):
    """Test-time augmentation, and calibration of the confidence on the validation split."""

    tta: int = option(
        1,
        "Views of an image whose predictions are averaged (test-time augmentation): 1 the image, 2 "
        "and mirrored, 4 and upside down, 8 and these of its central 7/8; as many times the work.",
        choices=VIEWS,
    )
    ood_scaling: bool = option(
        True,
        "Lower the confidence in images whose features are unlike those of the training images "
        "(out-of-distribution detection).",
    )
    target_risk: float = option(
        0.02,
        "Largest share of wrong predictions among those given (selective classification: on less "
        "certain images the model abstains, and says unsure). 1: never.",
        minimum=0,
        maximum=1,
    )
    risk_confidence: float = option(
        0.9,
        "Probability that TARGET_RISK holds for new images like the validation images, by an exact "
        "binomial bound. Too few of these for it: as with 0, and the report says so. 0: the risk "
        "is that on the validation images themselves (point estimate).",
        minimum=0,
        maximum=0.9999,
    )
    calibration_predictions: str = path_option(
        "",
        "File predictions/seed0.csv of a cross-validation with this recipe: the threshold is "
        "chosen on its out-of-fold predictions, without the test images of this run. Empty: on "
        "the validation images alone.",
    )
    conformal_alpha: float = option(
        0.0,
        "Also predict a set of classes, which lacks the true one for at most this share of images "
        "(conformal prediction). 0: no sets.",
        minimum=0,
        maximum=0.99,
    )


@dataclasses.dataclass(frozen=True)
class RuntimeConfig(_Checked):
    """The machine: seed, precision, accelerator."""

    seed: int = option(
        0,
        "Decides split, shuffling, augmentation and initial weights.",
        minimum=0,
        maximum=2**31 - 1,
    )
    deterministic: bool = option(
        False,
        "Bit-for-bit repeatable operations on the same machine; on GPUs without XLA, and slower.",
    )
    mixed_precision: str = option(
        "auto",
        "Compute precision; auto: mixed_float16 on GPUs of compute capability 7 or more, "
        "mixed_bfloat16 on TPUs, else float32.",
        choices=("auto", "float32", "mixed_float16", "mixed_bfloat16"),
    )
    accelerator: str = option(
        "auto",
        "Device; auto takes a TPU, else all GPUs, else the CPU.",
        choices=("auto", "cpu", "gpu", "tpu"),
    )
    steps_per_execution: int = option(
        1,
        "Training steps between two returns to Python, which take longer than a short step of a "
        "TPU or GPU: the largest divisor of an epoch's steps up to this number. With --profile "
        "always 1.",
        minimum=1,
        maximum=100_000,
        changes_result=False,
    )


@dataclasses.dataclass(frozen=True)
class TrackingConfig(_Checked):
    """Where a run can be watched.

    A flag wins over W&B's own environment variables.
    """

    wandb_mode: str = option(
        "disabled",
        "Weights & Biases logging; online goes on offline when no server can be used. Without this "
        "flag the variable WANDB_MODE counts.",
        choices=("disabled", "offline", "online"),
        changes_result=False,
    )
    wandb_project: str = option(
        "",
        "Weights & Biases project. Empty: the variable WANDB_PROJECT, else trash-keras.",
        changes_result=False,
    )
    wandb_entity: str = option(
        "",
        "User or team that the Weights & Biases project belongs to. Empty: WANDB_ENTITY, else "
        "the user's own.",
        changes_result=False,
    )
    wandb_name: str = option(
        "",
        "Name of the run in Weights & Biases. Empty: WANDB_NAME, else one that it makes up.",
        changes_result=False,
    )
    wandb_tags: str = option(
        "",
        "Tags of the run in Weights & Biases, separated by commas. Empty: WANDB_TAGS, else none.",
        changes_result=False,
    )
    tensorboard: bool = option(
        False, "Write WORKDIR/tensorboard for tensorboard --logdir.", changes_result=False
    )
    profile: str = path_option(
        "",
        "Folder for a TensorBoard profile of 10 steps of each phase; also prints how long a step "
        "takes, and which share of it input, network and the rest have. Empty: none.",
        changes_result=False,
    )


@dataclasses.dataclass(frozen=True)
class Config:
    """One training run."""

    data: DataConfig = DataConfig()
    augmentation: AugmentationConfig = AugmentationConfig()
    model: ModelConfig = ModelConfig()
    training: TrainingConfig = TrainingConfig()
    distillation: DistillationConfig = DistillationConfig()
    answering: CalibrationConfig = CalibrationConfig()
    runtime: RuntimeConfig = RuntimeConfig()
    tracking: TrackingConfig = TrackingConfig()

    def to_dict(self) -> dict[str, dict[str, Any]]:
        """Returns the settings as plain values: section -> field -> value.

        What is written of a run comes from here, so of an address there is only what
        `addresses.public_value` shows.
        """
        return {
            section: {name: _public(value) for name, value in settings.items()}
            for section, settings in dataclasses.asdict(self).items()
        }

    @classmethod
    def make(cls, *, preset: str = "", **settings: Any) -> Self:
        """Builds a configuration of settings named like their flags; the rest gets its default.

        >>> import trash_keras as tk
        >>> config = tk.Config.make(data_dir="my-images", preset="best", batch_size=16)
        >>> config.data.batch_size, config.data.image_size
        (16, 256)

        Args:
            preset: A recipe in the package to start from, see `trash_keras/presets/`. Empty: none.
            **settings: Values by the names of their flags, as `trash-keras train --help_all` lists
                them; they win over the preset.

        Raises:
            ValueError: An unknown preset or setting, or a value that is not allowed.
        """
        declared = {field.name: (section, field) for section, field in fields(cls)}
        texts = reader.settings(preset) if preset else {}
        values: dict[str, dict[str, Any]] = {}
        for name in {**texts, **settings}:
            if name not in declared:
                raise unknown_setting(name, declared)
            section, field = declared[name]
            value = settings[name] if name in settings else _parsed(field, texts[name])
            plain = os.fspath(value) if isinstance(value, os.PathLike) else value
            values.setdefault(section, {})[name] = plain
        return cls.from_dict(values)

    @classmethod
    def from_dict(cls, values: Mapping[str, Mapping[str, Any]]) -> Self:
        """Builds a configuration from `to_dict` output; missing fields get their defaults.

        Raises:
            ValueError: An unknown section or field, or a value that is not allowed.
        """
        sections = {field.name: field.type for field in dataclasses.fields(cls)}
        if unknown := set(values) - set(sections):
            raise ValueError(f"Unknown configuration sections: {', '.join(sorted(unknown))}")
        return cls(**{name: _section(sections[name], values[name]) for name in values})


@dataclasses.dataclass(frozen=True)
class FoldsConfig(_Checked):
    """How often a cross-validation trains."""

    folds: int = option(
        5,
        "Parts of the data; each is scored by a model that was trained on the others. Not for "
        "--split_method=leave_one_source_out, where each source is one.",
        minimum=2,
        maximum=1000,
    )
    seeds: int = option(
        3,
        "Cross-validations, each with other folds: of seed SEED, SEED+1 and so on.",
        minimum=1,
        maximum=1000,
        changes_result=False,
    )
    keep_models: bool = option(
        True, "Keep model.keras of each fold after it was scored.", changes_result=False
    )


@dataclasses.dataclass(frozen=True)
class CrossValidationConfig(Config):
    """Training runs on the folds of a data set; `runtime.seed` is the first seed."""

    cross_validation: FoldsConfig = FoldsConfig()


def _public(value: Any) -> Any:
    return public_value(value) if isinstance(value, str) else value


def _parsed(field: dataclasses.Field, text: str) -> Any:
    """Reads a value of a preset, which is written as for a flag."""
    kind: Any = type(field.default)
    try:
        return {"true": True, "false": False}[text.lower()] if kind is bool else kind(text)
    except (KeyError, ValueError) as error:
        raise ValueError(f"--{field.name} must be a {kind.__name__}. Received: {text!r}") from error


def unknown_setting(name: str, known: Iterable[str]) -> ValueError:
    """Returns the error for a setting that there is not, with the nearest name of those known."""
    near = difflib.get_close_matches(name, list(known), 1)
    return ValueError(
        f"There is no setting {name!r}. "
        + (f"Did you mean {near[0]!r}?" if near else f"There are: {', '.join(known)}.")
    )


def make_options(kind: type[_Options], values: Mapping[str, Any]) -> _Options:
    """Builds a dataclass of options from values by name.

    Args:
        kind: The dataclass.
        values: Field -> value; what is missing gets its default.

    Raises:
        ValueError: An unknown name, or what the dataclass refuses.
    """
    known = [field.name for field in dataclasses.fields(kind)]  # type: ignore[arg-type]
    for name in values:
        if name not in known:
            raise unknown_setting(name, known)
    return kind(**values)


def _section(kind: Any, values: Mapping[str, Any]) -> Any:
    if unknown := set(values) - {field.name for field in dataclasses.fields(kind)}:
        raise ValueError(f"Unknown settings in {kind.__name__}: {', '.join(sorted(unknown))}")
    return kind(**values)


def fields(config_class: type = Config) -> Iterator[tuple[str, dataclasses.Field]]:
    """Yields (section name, field) for every setting of every section, in order."""
    for section in dataclasses.fields(config_class):
        for field in dataclasses.fields(section.type):  # type: ignore[arg-type]
            yield section.name, field


def load(path: str | os.PathLike, config_class: type[Config] = Config) -> Config:
    """Reads a `config.json`.

    Raises:
        ValueError: The file is missing, damaged or not a configuration of that class.
    """
    checksums.require(path)
    try:
        return config_class.from_dict(text_files.from_json(text_files.read(path)))
    except (OSError, json.JSONDecodeError, TypeError) as error:
        raise ValueError(f"No usable configuration at {path}: {error}") from error


def same_place(one: str, other: str) -> bool:
    """Tells whether two texts are the same, or name the same files, separated by commas.

    Addresses are compared as `to_dict` keeps them.
    """
    one, other = public_value(one), public_value(other)
    ones, others = one.split(","), other.split(",")
    return one == other or (
        len(ones) == len(others)
        and all(_real(first) == _real(second) for first, second in zip(ones, others, strict=True))
    )


def _real(place: str) -> str:
    """Returns the one spelling of a path; addresses and names of things keep theirs."""
    path = place.strip()
    return os.path.realpath(path) if os.path.exists(path) else path.rstrip("/")


def check_workdir(
    config: Config, workdir: str | os.PathLike, may_change: Sequence[str] = ()
) -> None:
    """Checks that WORKDIR is free or holds the same run; paths may be spelled in another way.

    Args:
        config: The run.
        workdir: Its folder.
        may_change: Fields that are not compared.

    Raises:
        ValueError: WORKDIR belongs to another configuration; names the fields that differ.
    """
    local.require_folder("workdir", workdir)
    path = os.path.join(workdir, "config.json")
    if not os.path.exists(path):
        return
    before, now = load(path, type(config)).to_dict(), config.to_dict()
    changed = [
        f"--{field.name}={now[section][field.name]} (was {before[section][field.name]})"
        for section, field in fields(type(config))
        if field.metadata["changes_result"]
        and field.name not in may_change
        and not _is_same(field, now[section][field.name], before[section][field.name])
    ]
    if changed:
        raise ValueError(
            f"{workdir} holds a run of another configuration: {', '.join(changed)}. "
            "Use the same flags to resume it, or another --workdir."
        )


def _is_same(field: dataclasses.Field, now: Any, before: Any) -> bool:
    return same_place(now, before) if field.metadata["is_path"] else bool(now == before)
