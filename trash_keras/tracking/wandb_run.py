"""A run of Weights & Biases that opens, resumes and closes whatever the network does.

The client writes each run to disk, and `wandb sync` sends that later. It does not go over to
offline by itself: a start without a server is an error, and so is `log_artifact`, whose artifact
is then in no log. It waits for a dead server at the end, or no longer than a limit for a living
one. Those two things are done here.
"""

import contextlib
import os
import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pydantic
import wandb
from wandb.sdk.artifacts.exceptions import WaitTimeoutError

from trash_keras import files
from trash_keras.config import TrackingConfig
from trash_keras.tracking.trackers import ID_FILE

PROJECT = "trash-keras"
# Seconds. The client's own limits are 90 for a start and none for an end.
LIMITS = {"init_timeout": 15.0, "finish_timeout": 30.0}
REQUEST_SECONDS, LOOK_SECONDS = 10, 15


class TrackedRun:
    """A W&B run that goes over to offline when the server no longer answers.

    Args:
        mode: offline or online; online becomes offline when no server can be used.
        options: For `wandb.init`, all but the mode.

    Raises:
        ValueError: W&B does not accept a setting.
    """

    def __init__(self, mode: str, options: Mapping[str, Any]) -> None:
        self._options, self._uploads = dict(options), list[wandb.Artifact]()
        self.online = False
        if mode == "online":
            try:
                # Over WANDB_MODE, which no longer counts once a mode is decided on.
                wandb.setup(wandb.Settings(mode="online"))
                _require_server()  # first: the id of an `init` that failed stays in use
                self.run = wandb.init(mode="online", **self._options)
                self.online = True
            except Exception as error:  # no key, no network, a refusal: one of many kinds
                _say("logging offline", error)
        if not self.online:
            self._open_offline()

    def _open_offline(self) -> None:
        try:
            self.run = wandb.init(mode="offline", **self._options)
        except (wandb.errors.UsageError, pydantic.ValidationError) as error:
            raise ValueError(f"W&B does not accept a setting: {_reason(error)}") from error
        self.online = False
        print(f"W&B: send this run later with: wandb sync {self._folder}", flush=True)

    @property
    def _folder(self) -> Path:
        return Path(self.run.dir).parent

    def ensure_alive(self) -> None:
        """Goes on offline when the server has stopped answering.

        What was logged before is on disk; the new log has the same run id, and `wandb sync`
        puts the parts together.
        """
        try:
            if self.online:
                _require_server()
        except Exception as error:  # as above
            _say("going on offline", error)
            self._close(exit_code=0)
            self._options |= _unless_set({"resume": "allow"})
            self._open_offline()

    def log_artifact(
        self,
        name: str,
        kind: str,
        paths: Sequence[Path],
        metadata: Mapping[str, Any],
        aliases: Sequence[str],
    ) -> None:
        """Logs files as an artifact, called `run_ID_NAME` as `WandbModelCheckpoint` does.

        Args:
            name: What it is.
            kind: Type of the artifact.
            paths: Files and folders, which nothing may change until they are sent.
            metadata: Facts that are shown with it.
            aliases: Names of this version, beside `latest`.
        """
        artifact = wandb.Artifact(f"run_{self.run.id}_{name}", kind, metadata=dict(metadata))
        for path in paths:
            add = artifact.add_dir if path.is_dir() else artifact.add_file
            add(str(path), name=path.name, policy="immutable")  # not copied before it is sent
        logged = self.run.log_artifact(artifact, aliases=["latest", *aliases])
        if self.online:
            self._uploads.append(logged)

    def finish(self, exit_code: int) -> None:
        """Closes the run and says how to send what did not arrive.

        Uploads may take their time as long as the server answers; the rest ends within `LIMITS`.

        Args:
            exit_code: 0 marks the run as finished, anything else as failed.
        """
        with attempt("a file"):
            while self._uploads:
                try:
                    self._uploads[0].wait(timeout=LOOK_SECONDS)
                    self._uploads.pop(0)
                except WaitTimeoutError:
                    _require_server()
        sent = self._close(exit_code)
        logs = list(self._folder.parent.glob(f"*run-*/run-{self.run.id}.wandb"))
        if self.online and sent:
            # The mark of `wandb sync`, which would send these epochs once more.
            for log in logs:
                if log.parent.name.startswith("run-"):
                    log.with_suffix(".wandb.synced").touch()
            return
        # With the parts of this run that an earlier process left.
        left = [log.parent for log in logs if not log.with_suffix(".wandb.synced").exists()]
        # run-DATE_TIME-ID, or offline-run-...: the order in which they were begun.
        left.sort(key=lambda folder: folder.name.removeprefix("offline-"))
        online = any(folder.name.startswith("run-") for folder in left)
        command = ["wandb", "sync", *["--include-online"] * online, *map(str, left)]
        print(f"W&B: send what is only on disk with: {shlex.join(command)}", flush=True)

    def _close(self, exit_code: int) -> bool:
        try:
            self.run.finish(exit_code=exit_code)
        except Exception as error:  # the run is on disk, whatever the client's process came to
            _say("not all was sent", error)
            return False
        return True


@contextlib.contextmanager
def attempt(what: str) -> Iterator[None]:
    """Says so and goes on when W&B fails: a view of the run must not cost the run.

    Args:
        what: What is being logged, for the message.
    """
    try:
        yield
    except Exception as error:
        _say(f"{what} could not be logged", error)


@contextlib.contextmanager
def opened(
    settings: TrackingConfig, workdir: Path, recorded: Mapping[str, Any]
) -> Iterator[TrackedRun | None]:
    """Opens the run of a workdir, new or where it was left, and closes it.

    Args:
        settings: Flags about W&B; the mode is offline or online.
        workdir: Keeps the id, and the log unless `WANDB_DIR` says otherwise.
        recorded: The configuration to show.

    Yields:
        The run; None when the client does not even start offline.

    Raises:
        ValueError: W&B does not accept a setting.
    """
    # What the client has yet to send belongs to the run, not into the user's home.
    staging = _unless_set({"data_dir": str(workdir.absolute() / "wandb" / "data")})
    with contextlib.ExitStack() as stack:
        for folder in staging.values():
            os.environ["WANDB_DATA_DIR"] = folder
            stack.callback(os.environ.pop, "WANDB_DATA_DIR")
        try:
            options = {**_options(settings, workdir), "config": dict(recorded)}
            tracked = TrackedRun(settings.wandb_mode, options)
        except ValueError:
            raise
        except Exception as error:  # a client that is broken must not stop what it is to watch
            _say("nothing is logged", error)
            yield None
            return
        exit_code = 1
        try:
            yield tracked
            exit_code = 0
        finally:
            tracked.finish(exit_code)


def _options(settings: TrackingConfig, workdir: Path) -> dict[str, Any]:
    """Returns options for `wandb.init`: a flag that is given, else its variable, else ours."""
    id_file, given = workdir / ID_FILE, os.environ.get("WANDB_RUN_ID")
    ours = {"dir": workdir, "project": PROJECT}
    if id_file.exists() or given:
        # Only then: what is sent of a run that resumes nothing can be sent again by `wandb sync`
        # after its network died, where a resumed one would get its epochs twice.
        ours["resume"] = "allow"
    if not id_file.exists():
        files.write_text(id_file, given or wandb.util.generate_id())
    flags = {
        "project": settings.wandb_project,
        "entity": settings.wandb_entity,
        "name": settings.wandb_name,
        "tags": [tag.strip() for tag in settings.wandb_tags.split(",") if tag.strip()],
    }
    return {
        **_unless_set(ours),
        **{name: value for name, value in flags.items() if value},
        "id": id_file.read_text(encoding="utf-8").strip(),
        "reinit": "finish_previous",  # `WandbMetricsLogger` logs to `wandb.run`, whose it may be
        "settings": wandb.Settings(finish_timeout_raises=True, **_unless_set(LIMITS)),
    }


def _unless_set(values: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the settings that no variable of the client sets."""
    return {name: value for name, value in values.items() if not os.getenv(f"WANDB_{name.upper()}")}


def _require_server() -> None:
    """Raises an error of one of many kinds when there is no key or no server that takes it."""
    # Beside an open run `login` does nothing; that run has found a key.
    if wandb.run is None and not wandb.login(prompt=False, verify=True):
        raise wandb.errors.UsageError(
            "there is no API key; `wandb login` stores one, or set WANDB_API_KEY"
        )
    # `login` asks the server only the first time in a process, `Api` whenever it is made.
    wandb.Api(timeout=int(os.environ.get("WANDB_HTTP_TIMEOUT", REQUEST_SECONDS)))


def _say(what: str, error: BaseException) -> None:
    print(f"W&B: {what}. Reason: {_reason(error)}", flush=True)


def _reason(error: BaseException) -> str:
    """Returns what an error says in one line, without the key."""
    text = " ".join(str(error).split()) or type(error).__name__
    key = os.environ.get("WANDB_API_KEY")
    return (text.replace(key, "***") if key else text)[:300]
