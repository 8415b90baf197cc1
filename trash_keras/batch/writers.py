"""Predictions as files: JSON lines or Parquet, with the same rows in both."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from trash_keras.host.packages import install_hint
from trash_keras.metadata import ModelMetadata

Row = dict[str, Any]  # of `Prediction.to_dict`


def write_jsonl(target: Path, rows: Sequence[Row], metadata: ModelMetadata | None = None) -> None:
    """Writes a JSON object a line; takes `metadata` as `write_parquet` does, and ignores it."""
    with target.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)


def write_parquet(target: Path, rows: Sequence[Row], metadata: ModelMetadata) -> None:
    r"""Writes the columns file, label, probability, candidates and the struct probabilities.

    Probabilities are float32; `candidates` is a list of structs of label and probability. With
    conformal sets there is a list `labels`, too. The columns follow from the metadata and not
    from the rows, so that a file without rows has the same columns. Bytes in a file name that are
    not UTF-8 are written as \udcNN.
    """
    arrow, parquet = require_parquet()
    probabilities = arrow.struct([(name, arrow.float32()) for name in metadata.class_names])
    candidate = arrow.struct([("label", arrow.string()), ("probability", arrow.float32())])
    columns = [
        ("file", arrow.string()),
        ("label", arrow.string()),
        ("probability", arrow.float32()),
        ("candidates", arrow.list_(candidate)),
        ("probabilities", probabilities),
    ]
    if metadata.set_threshold is not None:
        columns.append(("labels", arrow.list_(arrow.string())))
    schema = arrow.schema(columns)
    # Arrow refuses the whole table for one such name.
    named = [{**row, "file": row["file"].encode(errors="backslashreplace")} for row in rows]
    parquet.write_table(arrow.Table.from_pylist(named, schema), target)


def require_parquet() -> tuple[Any, Any]:
    """Returns the modules pyarrow and pyarrow.parquet.

    Raises:
        ImportError: PyArrow is not installed.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise ImportError(
            f"Parquet needs PyArrow, which is not installed: {install_hint('parquet')}"
        ) from error
    return pyarrow, pyarrow.parquet


WRITERS: dict[str, Callable[[Path, Sequence[Row], ModelMetadata], None]] = {
    "jsonl": write_jsonl,
    "parquet": write_parquet,
}
