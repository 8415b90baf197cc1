"""The teachers of a run: trained classifiers that may teach these pictures, and no other ones."""

import dataclasses
import json
import os
from collections.abc import Sequence
from pathlib import Path

from trash_keras import config as configuration
from trash_keras import files, storage
from trash_keras.config import Config
from trash_keras.contract import Contract
from trash_keras.data.catalog import Catalog

RECORD = "teachers.json"


@dataclasses.dataclass(frozen=True)
class Teacher:
    """A trained classifier in a file.

    Attributes:
        path: Of the `.keras` file. The classifier in it teaches; temperature, views and OOD scaling
            are for inference, and the student gets its own.
        sha256: Of the file.
        image_size: Height and width of the pictures it takes, pixels.
    """

    path: str
    sha256: str
    image_size: int


def save(teachers: Sequence[Teacher], workdir: Path) -> None:
    """Writes WORKDIR/teachers.json, by which `find` knows the teachers again."""
    files.write_json(workdir / RECORD, [dataclasses.asdict(teacher) for teacher in teachers])


def named(config: Config) -> list[str]:
    """Returns what `--teacher` names, one by one."""
    return [path for path in config.distillation.teacher.split(",") if path]


def find(config: Config, workdir: Path, catalog: Catalog) -> tuple[Teacher, ...]:
    """Looks at the teachers of a run.

    Args:
        config: The run.
        workdir: Its folder; an earlier call may have left its teachers' checksums there.
        catalog: Its pictures.

    Returns:
        In the order of `--teacher`; empty for a run without one.

    Raises:
        ValueError: No model of this project, other classes, pictures made otherwise, pictures of
            validation or test that one was trained on, not the teachers that the run began with,
            or settings that leave nothing to teach.
    """
    paths = named(config)
    if not paths:
        return ()
    if not config.data.ordered_reads:
        raise ValueError("--teacher answers step by step, so it needs --ordered_reads.")
    if not config.training.finetune_epochs:
        raise ValueError(
            "The head phase learns from labels, so --teacher needs --finetune_epochs above 0."
        )
    teachers = tuple(_look_at(path, config, catalog) for path in paths)
    checksums = [teacher.sha256 for teacher in teachers]
    record = workdir / RECORD
    if record.exists():
        known = [each["sha256"] for each in json.loads(record.read_text(encoding="utf-8"))]
        if known != checksums:
            raise ValueError(
                f"{workdir} began with another teacher than what now lies at "
                f"{config.distillation.teacher} (see {record}). Put that one back to resume it, or "
                "use another --workdir."
            )
    return teachers


def _look_at(path: str, config: Config, catalog: Catalog) -> Teacher:
    contract = Contract.read(path)
    if not path.endswith(".keras"):
        raise ValueError(f"--teacher must be the model.keras of a run. Received: {path}")
    if contract.class_names != catalog.class_names:
        told = (", ".join(names) for names in (contract.class_names, catalog.class_names))
        raise ValueError("The teacher tells {} apart, the data has {}.".format(*told))
    if contract.resize != config.data.resize:
        raise ValueError(
            f"--resize must be that of the teacher, {contract.resize}. "
            f"Received: {config.data.resize}"
        )
    _require_unseen("teacher", path, catalog)
    return Teacher(path, storage.checksum(path), contract.image_size)


def require_unseen_by_init(config: Config, catalog: Catalog) -> None:
    """Refuses a model to start from that was trained on images which this run is scored on.

    Only a run on the same data folder tells: elsewhere the same name may be another image.

    Args:
        config: The run; without `init` there is nothing to refuse.
        catalog: Its images.

    Raises:
        ValueError: Images of validation or test are among those.
    """
    if not config.model.init:
        return
    beside = Path(config.model.init).with_name("config.json")
    if not beside.exists():
        return
    before = os.path.realpath(configuration.load(beside).data.data_dir)
    if before == os.path.realpath(config.data.data_dir):
        _require_unseen("model of --init", config.model.init, catalog)


def _require_unseen(role: str, path: str, catalog: Catalog) -> None:
    """Refuses a model that knows images which the run is scored on."""
    beside = Path(path).with_name("catalog.json")
    if not beside.exists():
        return
    learned = {*Catalog.load(beside).examples("train")[0]}
    for split in ("valid", "test"):
        known = learned.intersection(catalog.examples(split)[0])
        if known:
            raise ValueError(
                f"The {role} was trained on {len(known)} pictures of this run's {split} split, "
                "whose figures would flatter. Divide the data as its run did: "
                "--split_method, --split_dir, --groups and --seed."
            )
