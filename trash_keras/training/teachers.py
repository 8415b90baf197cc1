"""The teacher of a run: a trained classifier that may teach these pictures, and no other one."""

import dataclasses
import json
from pathlib import Path

from trash_keras import files, storage
from trash_keras.config import Config
from trash_keras.contract import Contract
from trash_keras.data.catalog import Catalog

RECORD = "teacher.json"


@dataclasses.dataclass(frozen=True)
class Teacher:
    """A trained classifier in a file.

    Attributes:
        path: Of the `.keras` file. Its raw classifier teaches; its own temperature, views and
            damping of novelty are for those who ask it, and the student gets its own.
        sha256: Of the file.
        image_size: Height and width of the pictures it takes, pixels.
    """

    path: str
    sha256: str
    image_size: int

    def save(self, workdir: Path) -> None:
        """Writes WORKDIR/teacher.json, by which `find` knows the teacher again."""
        files.write_json(workdir / RECORD, dataclasses.asdict(self))


def find(config: Config, workdir: Path, catalog: Catalog) -> Teacher | None:
    """Looks at the teacher of a run.

    Args:
        config: The run.
        workdir: Its folder; an earlier call may have left its teacher's checksum there.
        catalog: Its pictures.

    Returns:
        The teacher, or None for a run without one.

    Raises:
        ValueError: No model of this project, other classes, pictures made otherwise, pictures of
            validation or test that it was trained on, not the teacher that the run began with, or
            settings that leave nothing to teach.
    """
    path = config.distillation.teacher
    if not path:
        return None
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
    if not config.data.ordered_reads:
        raise ValueError("--teacher answers step by step, so it needs --ordered_reads.")
    if not config.training.finetune_epochs:
        raise ValueError(
            "The head phase learns from labels, so --teacher needs --finetune_epochs above 0."
        )
    _require_unseen(path, catalog)
    teacher = Teacher(path, storage.checksum(path), contract.image_size)
    record = workdir / RECORD
    if record.exists() and json.loads(record.read_text(encoding="utf-8"))["sha256"] != (
        teacher.sha256
    ):
        raise ValueError(
            f"{workdir} began with another teacher than what now lies at {path} (see {record}). "
            "Put that one back to resume it, or use another --workdir."
        )
    return teacher


def _require_unseen(path: str, catalog: Catalog) -> None:
    """Refuses a teacher that would tell its student of pictures the student is scored on."""
    beside = Path(path).with_name("catalog.json")
    if not beside.exists():
        return
    learned = {*Catalog.load(beside).examples("train")[0]}
    for split in ("valid", "test"):
        known = learned.intersection(catalog.examples(split)[0])
        if known:
            raise ValueError(
                f"The teacher was trained on {len(known)} pictures of this run's {split} split, "
                "whose figures would flatter. Divide the data as the teacher's run did: "
                "--split_method, --split_dir, --groups and --seed."
            )
