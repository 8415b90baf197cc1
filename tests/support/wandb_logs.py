"""Reads the `.wandb` files of the client: its own messages, in the frames of LevelDB's log.

Version 0.31 of the client has the reader only in its Go program;
tests/tracking/wandb_network_test.py makes that program read and send the same files.
"""

import json
import zlib
from pathlib import Path

import wandb
from wandb.proto import wandb_internal_pb2

BLOCK, HEADER = 32768, 7
FULL, FIRST, MIDDLE, LAST = 1, 2, 3, 4


def records(log):
    """Yields the messages of a `.wandb` file, checking each frame."""
    content = Path(log).read_bytes()
    assert content[:4] == b":W&B"
    position, parts = HEADER, []
    while position + HEADER <= len(content):
        left = BLOCK - position % BLOCK
        if left < HEADER:
            position += left
            continue
        checksum = int.from_bytes(content[position : position + 4], "little")
        length = int.from_bytes(content[position + 4 : position + 6], "little")
        kind = content[position + 6]
        data = content[position + HEADER : position + HEADER + length]
        assert zlib.crc32(bytes([kind]) + data) & 0xFFFFFFFF == checksum
        position += HEADER + length
        parts = [data] if kind in (FULL, FIRST) else [*parts, data]
        if kind in (FULL, LAST):
            record = wandb_internal_pb2.Record()
            record.ParseFromString(b"".join(parts))
            yield record


def logs_of(workdir):
    """Returns the logs of a run in the order in which they were begun."""
    wandb.teardown()  # its process may still be writing when `finish` returns
    logs = (workdir / "wandb").glob("*run-*/run-*.wandb")
    return sorted(logs, key=lambda log: log.parent.name.removeprefix("offline-"))


def history(log):
    """Returns the rows of a log: step -> name -> value."""
    rows = {}
    for record in records(log):
        if record.WhichOneof("record_type") == "history":
            row = _nested(record.history.item)
            assert row["_step"] not in rows, "a step is logged twice"
            rows[row["_step"]] = row
    return rows


def summary(log):
    """Returns the last summary of a log."""
    items = [item for record in records(log) for item in record.summary.update]
    return _nested(items)


def config(log):
    """Returns the configuration that a log was begun with."""
    record = next(r for r in records(log) if r.WhichOneof("record_type") == "run")
    return _nested(record.run.config.update)


def run(log):
    """Returns the message that opens the run of a log."""
    return next(r.run for r in records(log) if r.WhichOneof("record_type") == "run")


def artifacts(log):
    """Returns the messages of the artifacts of a log, by type and name."""
    found = [r.artifact for r in records(log) if r.WhichOneof("record_type") == "artifact"]
    return {(artifact.type, artifact.name): artifact for artifact in found}


def table(log, name):
    """Returns columns, rows and other files of a table, from the artifact that holds it."""
    for artifact in artifacts(log).values():
        files = {entry.path: Path(entry.local_path) for entry in artifact.manifest.contents}
        if f"{name}.table.json" in files:
            content = json.loads(files[f"{name}.table.json"].read_text())
            return content["columns"], content["data"], files
    raise AssertionError(f"there is no table {name}")


def charts(log):
    """Returns the names of the charts that a log defines."""
    items = [item for record in records(log) for item in record.config.update]
    return set(_nested(items)["_wandb"]["visualize"])


def _nested(items):
    found = {}
    for item in items:
        *path, last = item.nested_key or [item.key]
        place = found
        for part in path:
            place = place.setdefault(part, {})
        place[last] = json.loads(item.value_json)
    return found
