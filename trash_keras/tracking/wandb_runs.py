"""Runs of Weights & Biases that open, resume and close whatever the network does.

The client answers for nothing here: a server that is asked for and does not answer, at the start
or later, costs seconds, and what it should have got lies on disk for `wandb sync`.
"""

import contextlib
import os
import shlex
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pydantic
import wandb
from wandb.sdk.artifacts.exceptions import WaitTimeoutError

from trash_keras import files
from trash_keras.config import TrackingConfig
from trash_keras.tracking.trackers import ID_FILE
from trash_keras.tracking.wandb_answers import attempt, reason, require_answer

PROJECT = "trash-keras"
# Seconds. The client's own limits are 90 for a start and none for an end.
LIMITS = {"init_timeout": 15.0, "finish_timeout": 30.0}
LOOK_SECONDS = 15


class TrackedRun:
    """A W&B run that goes over to offline when the server no longer answers.

    Args:
        mode: offline or online; online becomes offline when no server can be used.
        options: For `wandb.init`, all but the mode.

    Raises:
        ValueError: W&B does not accept a setting.
    """

    def __init__(self, mode: str, options: Mapping[str, Any]) -> None:
        self._options = options
        self._unsent: list[Path] = []
        self._uploads: list[Any] = []
        self.run: Any = None
        self.online = False
        if mode == "online":
            self._open_online()
        if self.run is None:
            self._open_offline()

    def _open_online(self) -> None:
        try:
            # Over WANDB_MODE, which is of no account once a mode is decided on.
            wandb.setup(wandb.Settings(mode="online"))
            require_answer()
            self.run = wandb.init(mode="online", **self._options)
            self.online = True
        except Exception as error:  # no key, no network, a refusal: one of many kinds
            print(f"W&B: logging offline. Reason: {reason(error)}", flush=True)

    def _open_offline(self) -> None:
        try:
            self.run = wandb.init(mode="offline", **self._options)
        except (wandb.errors.UsageError, pydantic.ValidationError) as error:
            raise ValueError(f"W&B does not accept a setting: {reason(error)}") from error
        self.online = False
        self._unsent.append(self.folder)
        print(f"W&B: send this run later with: wandb sync {self.folder}", flush=True)

    @property
    def folder(self) -> Path:
        """Where the client writes this run."""
        return Path(self.run.dir).parent

    def ensure_alive(self) -> None:
        """Goes on offline when the server has stopped answering.

        What was logged before is on disk; the new log has the same run id, and `wandb sync`
        puts the parts together.
        """
        if not self.online:
            return
        try:
            require_answer()
        except Exception as error:  # as above
            print(f"W&B: going on offline. Reason: {reason(error)}", flush=True)
            self._close_run(exit_code=0)
            self._options = {**self._options, "resume": _unless_set("WANDB_RESUME", "allow")}
            self._open_offline()

    def log_artifact(self, artifact: wandb.Artifact, aliases: Sequence[str]) -> None:
        """Hands an artifact to the client; `finish` waits until it is sent."""
        logged = self.run.log_artifact(artifact, aliases=list(aliases))
        if self.online:
            self._uploads.append(logged)

    def finish(self, exit_code: int) -> None:
        """Closes the run and says how to send what did not arrive.

        Uploads may take their time as long as the server answers; the rest ends within `LIMITS`.

        Args:
            exit_code: 0 marks the run as finished, anything else as failed.
        """
        if self.online:
            attempt("a file", self._await_uploads)
        sent = self._close_run(exit_code)
        logs = list(self.folder.parent.glob(f"*run-*/run-{self.run.id}.wandb"))
        if self.online and sent:
            # The mark of `wandb sync`, which would send these epochs once more.
            for log in logs:
                if log.parent.name.startswith("run-"):
                    log.with_suffix(".wandb.synced").touch()
        if self._unsent:
            # With the parts of this run that an earlier process left.
            left = (log.parent for log in logs if not log.with_suffix(".wandb.synced").exists())
            print(f"W&B: send what is only on disk with: {_sync_command(left)}", flush=True)

    def _await_uploads(self) -> None:
        while self._uploads:
            try:
                self._uploads[0].wait(timeout=LOOK_SECONDS)
                self._uploads.pop(0)
            except WaitTimeoutError:
                require_answer()

    def _close_run(self, exit_code: int) -> bool:
        try:
            self.run.finish(exit_code=exit_code)
        except Exception as error:  # the run is on disk, whatever the client's process came to
            print(f"W&B: not all was sent. Reason: {reason(error)}", flush=True)
            self._unsent.append(self.folder)
            return False
        return True


def _sync_command(folders: Iterable[Path]) -> str:
    # run-DATE_TIME-ID, or offline-run-...: the order in which they were begun.
    ordered = sorted(folders, key=lambda folder: folder.name.removeprefix("offline-"))
    online = any(folder.name.startswith("run-") for folder in ordered)
    flags = ["--include-online"] if online else []
    return shlex.join(["wandb", "sync", *flags, *map(str, ordered)])


@contextlib.contextmanager
def opened(
    settings: TrackingConfig, mode: str, workdir: Path, recorded: Mapping[str, Any]
) -> Iterator[TrackedRun | None]:
    """Opens the run of a workdir, new or where it was left, and closes it.

    Args:
        settings: Flags about W&B.
        mode: offline or online.
        workdir: Keeps the id, and the log unless `WANDB_DIR` says otherwise.
        recorded: The configuration to show.

    Yields:
        The run; None when the client does not even start offline.

    Raises:
        ValueError: W&B does not accept a setting.
    """
    with _staging(workdir):
        try:
            tracked = TrackedRun(mode, {**_options(settings, workdir), "config": dict(recorded)})
        except ValueError:
            raise
        except Exception as error:  # a client that is broken must not stop what it is to watch
            print(f"W&B: nothing is logged. Reason: {reason(error)}", flush=True)
            yield None
            return
        exit_code = 1
        try:
            yield tracked
            exit_code = 0
        finally:
            tracked.finish(exit_code)


@contextlib.contextmanager
def _staging(workdir: Path) -> Iterator[None]:
    """Keeps what the client has yet to send in the workdir, not in the user's home."""
    if os.environ.get("WANDB_DATA_DIR"):
        yield
        return
    os.environ["WANDB_DATA_DIR"] = str(workdir.absolute() / "wandb" / "data")
    try:
        yield
    finally:
        del os.environ["WANDB_DATA_DIR"]


def _options(settings: TrackingConfig, workdir: Path) -> dict[str, Any]:
    """Returns options for `wandb.init`: a flag that is given, else the variable, else ours.

    What is None here, the client takes from its variable.
    """
    limits = {
        name: seconds
        for name, seconds in LIMITS.items()
        if f"WANDB_{name.upper()}" not in os.environ
    }
    options = {
        "dir": _unless_set("WANDB_DIR", workdir),
        "resume": _unless_set("WANDB_RESUME", "allow"),
        "name": settings.wandb_name or None,
        "tags": [tag.strip() for tag in settings.wandb_tags.split(",") if tag.strip()] or None,
        # A run of our own, also beside one that the caller's program has open.
        "reinit": "create_new",
        "settings": wandb.Settings(finish_timeout_raises=True, **limits),
    }
    run_id, is_new = _run_id(workdir)
    if is_new:
        # Nothing to resume; and what is sent of a run that resumes nothing can be sent again by
        # `wandb sync` after its network died, where a resumed one would get its epochs twice.
        options["resume"] = None
    if "WANDB_SWEEP_ID" in os.environ:  # the agent has decided on these
        return options
    return options | {
        "id": run_id,
        "project": settings.wandb_project or _unless_set("WANDB_PROJECT", PROJECT),
        "entity": settings.wandb_entity or None,
    }


def _unless_set(variable: str, value: Any) -> Any:
    return None if os.environ.get(variable) else value


def _run_id(workdir: Path) -> tuple[str, bool]:
    """Returns the id that the workdir keeps, and whether it was made up just now."""
    id_file, given = workdir / ID_FILE, os.environ.get("WANDB_RUN_ID")
    is_new = not (id_file.exists() or given)
    if not id_file.exists():
        files.write_text(id_file, given or uuid.uuid4().hex[:8])
    return id_file.read_text(encoding="utf-8").strip(), is_new
