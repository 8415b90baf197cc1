"""A run of Weights & Biases that opens, resumes and closes whatever the network does.

The client logs offline, and `wandb sync` sends what lies on disk. What neither does is done here:
a start without a server is an error in the client, and an artifact that is logged online is in no
log on disk. So epochs are logged online where a server can be used, and artifacts always offline;
`wandb sync` sends them at the end, or whenever there is a network.
"""

import contextlib
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import pydantic
import wandb
from wandb.sdk.lib.runid import generate_id

from trash_keras.config import TrackingConfig
from trash_keras.storage import local
from trash_keras.tracking.trackers import ID_FILE

PROJECT = "trash-keras"
# Seconds. The client's own limits are 90 for a start and none for an end.
LIMITS = {"init_timeout": 15.0, "finish_timeout": 30.0}
LOOK_SECONDS = 15


class TrackedRun:
    """A W&B run in parts: online while a server can be used, otherwise offline.

    `opened` makes it, and says what the arguments are.
    """

    def __init__(
        self, settings: TrackingConfig, workdir: Path, recorded: Mapping[str, Any], live: bool
    ) -> None:
        self._settings, self._workdir, self._recorded = settings, workdir, dict(recorded)
        self.online = False
        if live and settings.wandb_mode == "online":
            try:
                _require_server()  # first: the id of an `init` that failed stays in use
                self._open("online")
            except Exception as error:  # no key, no network, a refusal: one of many types
                _say("logging offline", error)
        if not self.online:
            self._open("offline")
            print(f"W&B: send this run later with: wandb sync {self._folder}", flush=True)

    def _open(self, mode: Literal["offline", "online"]) -> None:
        options = _options(self._settings, self._workdir)
        try:
            self.run = wandb.init(mode=mode, config=self._recorded, **options)
        except (wandb.errors.UsageError, pydantic.ValidationError) as error:
            raise ValueError(f"W&B does not accept a setting: {_reason(error)}") from error
        self.online = mode == "online"

    @property
    def _folder(self) -> Path:
        return Path(self.run.dir).parent

    def go_offline(self) -> None:
        """Begins an offline part, for artifacts; the same run id puts the parts together."""
        if self.online:
            self._close(exit_code=0)
            self._open("offline")

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
        self.run.log_artifact(artifact, aliases=["latest", *aliases])

    def finish(self, exit_code: int) -> None:
        """Closes the run, sends what is only on disk, or says how to.

        Uploads may take their time as long as the server responds; the rest ends within `LIMITS`.

        Args:
            exit_code: 0 marks the run as finished, anything else as failed.
        """
        self._close(exit_code)
        if self._settings.wandb_mode == "online" and self._unsent():
            try:
                self._sync()
            except Exception as error:  # as above
                _say("not all was sent", error)
        if unsent := self._unsent():
            command = shlex.join(["wandb", "sync", *unsent])
            print(f"W&B: send what is only on disk with: {command}", flush=True)

    def _close(self, exit_code: int) -> None:
        try:
            self.run.finish(exit_code=exit_code)
        except Exception as error:  # the run is on disk, whatever the client's process came to
            _say("going on offline", error)
            return
        if self.online:
            # The mark of `wandb sync`, which would send these epochs once more. What an earlier
            # process left unsent online was logged again from `metrics.csv`, after the server's
            # count.
            for log in self._folder.parent.glob(f"run-*/run-{self.run.id}.wandb"):
                log.with_suffix(".wandb.synced").touch()

    def _unsent(self) -> list[str]:
        """Returns what `wandb sync` takes to send what only the disk has, also of earlier runs."""
        logs = self._folder.parent.glob(f"*run-*/run-{self.run.id}.wandb")
        left = [log.parent for log in logs if not log.with_suffix(".wandb.synced").exists()]
        left.sort(key=lambda folder: folder.name.removeprefix("offline-"))  # by their times
        online = any(folder.name.startswith("run-") for folder in left)
        return ["--include-online"] * online + [str(folder) for folder in left]

    def _sync(self) -> None:
        """Lets the client send what is on disk, for as long as the server responds."""
        _require_server()
        # With a service of its own: ours ends each time that the server is looked for.
        environment = {**os.environ, "WANDB_MODE": "online"}
        environment.pop("WANDB_SERVICE", None)
        # The client tries for hours; told to give up sooner, it marks what it lost as sent.
        with subprocess.Popen(
            [sys.executable, "-m", "wandb", "sync", *self._unsent()],
            stdin=subprocess.DEVNULL,
            cwd=self._workdir,
            env=environment,
        ) as process:
            try:
                while process.poll() is None:
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        process.wait(LOOK_SECONDS)
                        break
                    _require_server()
            finally:
                process.kill()


@contextlib.contextmanager
def attempt(what: str) -> Iterator[None]:
    """Prints a message and goes on when W&B fails: tracking must never stop the run.

    Args:
        what: What is being logged, for the message.
    """
    try:
        yield
    except Exception as error:
        _say(f"{what} could not be logged", error)


@contextlib.contextmanager
def opened(
    settings: TrackingConfig, workdir: Path, recorded: Mapping[str, Any], live: bool
) -> Iterator[TrackedRun | None]:
    """Opens the run of a workdir, new or where it was left, and closes it.

    Args:
        settings: Flags about W&B; the mode is offline or online.
        workdir: Keeps the id, and the logs unless `WANDB_DIR` says otherwise.
        recorded: The configuration to show.
        live: Whether to log online what can be; else it is only sent at the end.

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
            tracked = TrackedRun(settings, workdir, recorded, live)
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
        local.write_text(id_file, given or generate_id())
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
        "reinit": "finish_previous",  # `WandbMetricsLogger` logs to `wandb.run`
        "settings": wandb.Settings(finish_timeout_raises=True, **_unless_set(LIMITS)),
    }


def _unless_set(values: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the settings that no variable of the client sets."""
    return {name: value for name, value in values.items() if not os.getenv(f"WANDB_{name.upper()}")}


def _require_server() -> None:
    """Raises an error of one of many types when there is no key or no server that takes it."""
    wandb.teardown()  # `login` asks the server only the first time in a session
    # Over WANDB_MODE, which no longer counts once a mode is decided on.
    wandb.setup(wandb.Settings(mode="online"))
    if not wandb.login(prompt=False, verify=True):
        raise wandb.errors.UsageError(
            "there is no API key; `wandb login` stores one, or set WANDB_API_KEY"
        )


def _say(what: str, error: BaseException) -> None:
    print(f"W&B: {what}. Reason: {_reason(error)}", flush=True)


def _reason(error: BaseException) -> str:
    """Returns what an error says in one line."""
    return (" ".join(str(error).split()) or type(error).__name__)[:300]
