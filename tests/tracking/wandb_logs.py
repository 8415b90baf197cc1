"""Reads the `.wandb` files of the client: its own messages, in the frames of LevelDB's log.

Version 0.31 of the client has the reader in its Go program alone; `sync_test.py` makes that
program read and send the same files.
"""

import zlib
from pathlib import Path

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
    logs = (workdir / "wandb").glob("*run-*/run-*.wandb")
    return sorted(logs, key=lambda log: log.parent.name.removeprefix("offline-"))
