"""An address -> the fsspec client that reads it, and retries with exponential backoff."""

import dataclasses
import errno
import logging
import sys
import time
from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

from tqdm import tqdm

from trash_keras.storage import remote
from trash_keras.storage.addresses import public, public_value
from trash_keras.storage.local import FULL

ATTEMPTS = 5  # in a row without a new byte
ATTEMPTS_OF_RETRYING_CLIENTS = 2  # those of object stores try five times or more by themselves
FIRST_WAIT_SECONDS = 1.0  # doubles with each attempt

_VERSION_KEYS = (
    "ETag", "etag", "Content-MD5", "md5Hash", "generation", "blob_id", "Last-Modified",
    "LastModified", "last_modified", "mtime", "created", "size",
)  # fmt: skip
_DISK_ERRORS = {*FULL, errno.EROFS}
# By name, since not every client is installed everywhere.
_CONNECTION_ERRORS = {
    "ClientConnectionError", "ClientPayloadError", "HTTPClientError", "ConnectionError",
    "TransportError", "OSError",
}  # fmt: skip
Result = TypeVar("Result")


@dataclasses.dataclass(frozen=True)
class Remote:
    """A file or folder that fsspec reaches.

    Attributes:
        filesystem: An fsspec file system.
        path: The path as this file system wants it.
        name: The address as `addresses.public` shows it, for messages and records.
    """

    filesystem: Any
    path: str
    name: str

    @property
    def is_http(self) -> bool:
        """Tells whether responses can be streamed with headers of our own."""
        return "http" in self.filesystem.protocol

    def retrier(self) -> "Retrier":
        """Returns a new retrier for this client."""
        return Retrier(self.name, ATTEMPTS if self.is_http else ATTEMPTS_OF_RETRYING_CLIENTS)

    def info(self) -> dict[str, Any]:
        """Returns what the server says about it now: at least `type` and `size`."""
        self.filesystem.invalidate_cache()
        try:
            return dict(self.filesystem.info(self.path))
        except FileNotFoundError as error:
            # fsspec's HTTP client says so for every kind of failure, an interrupted one too.
            cause = error.__cause__
            if self.is_http and isinstance(cause, Exception) and status_of(cause) != 404:
                raise cause from None
            raise


def connect(address: str) -> Remote:
    """Opens an address with the client of its scheme and that client's own credentials.

    Raises:
        ValueError: There is no such scheme, or the client refuses the address.
        ImportError: The client is not installed.
    """
    # Late, since both take a second to import and --help needs neither.
    import aiohttp
    import fsspec

    quiet_clients()
    scheme = address.partition("://")[0].lower()
    options: dict[str, Any] = {"skip_instance_cache": True}
    if scheme in ("http", "https"):
        # The client would end a long download after five minutes, and ignore proxies and .netrc.
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=30, sock_read=60)
        options["client_kwargs"] = {"timeout": timeout, "trust_env": True}
    if "://" in address and scheme not in fsspec.available_protocols():
        raise ValueError(
            f"{scheme}:// is no known kind of address; use gs://, s3://, hf://, http:// or "
            f"https://. Received: {public_value(address)}"
        )
    try:
        filesystem, path = remote.open_filesystem(address, **options)
    except ImportError:
        raise
    except Exception as error:  # each client has its own errors
        raise ValueError(f"{public_value(address)} cannot be opened: {reason_of(error)}") from error
    return Remote(filesystem, path, public_value(address))


def quiet_clients() -> None:
    """Keeps clients from logging a traceback or two warnings for each of their own tries."""
    logging.getLogger("gcsfs").setLevel(logging.CRITICAL)
    logging.getLogger("huggingface_hub").propagate = False  # it has a handler of its own


class Retrier:
    """Retries after failures of the connection, waiting longer after each in a row."""

    def __init__(self, name: str, attempts: int) -> None:
        self.name, self.attempts, self.failures = name, attempts, 0

    def call(self, action: Callable[[], Result]) -> Result:
        """Returns what `action` returns, after retries if need be; raises as `failed`."""
        while True:
            try:
                return action()
            except Exception as error:  # each client has its own errors; `failed` sorts them
                self.failed(error)

    def failed(self, error: Exception) -> None:
        """Waits after a failure of the connection; raises OSError when retrying is no use."""
        self.failures += 1
        if not _is_transient(error) or self.failures >= self.attempts:
            self._give_up(error)
        wait = FIRST_WAIT_SECONDS * 2 ** (self.failures - 1)
        tqdm.write(f"{self.name}: {reason_of(error)}; again in {wait:g} s", file=sys.stderr)
        time.sleep(wait)

    def _give_up(self, error: Exception) -> NoReturn:
        if isinstance(error, OSError) and error.errno in _DISK_ERRORS:
            raise error  # not the server's fault
        remedy = ""
        if "credentials" in str(error).lower():
            remedy = (
                " Log in as its client asks, or for a public S3 bucket set FSSPEC_S3_ANON=true."
            )
        elif self.failures > 1:
            remedy = f" Gave up after {self.failures} tries; the same command goes on from there."
        raise OSError(f"Cannot read {self.name}: {reason_of(error)}.{remedy}") from error


def status_of(error: Exception) -> int | None:
    """Returns the HTTP status that an error of any client carries, or None."""
    response = getattr(error, "response", None)
    codes = (getattr(error, "status", None), getattr(error, "code", None),
             getattr(response, "status_code", None))  # fmt: skip
    return next((code for code in codes if isinstance(code, int)), None)


def _is_transient(error: Exception) -> bool:
    if (status := status_of(error)) is not None:
        return status >= 500 or status in (408, 429)
    if isinstance(error, FileNotFoundError | PermissionError | IsADirectoryError):
        return False
    if isinstance(error, OSError) and error.errno in _DISK_ERRORS:
        return False
    return any(kind.__name__ in _CONNECTION_ERRORS for kind in type(error).__mro__)


def reason_of(error: Exception) -> str:
    """Returns the reason of an error briefly, with addresses as they may be shown."""
    if type(error) is FileNotFoundError:
        return "there is no such file or folder"
    if type(error).__name__ == "ClientPayloadError":
        return "the connection broke off"
    if (status := status_of(error)) and (message := getattr(error, "message", "")):
        # The whole text of aiohttp's error repeats the address.
        return public(f"{status} {message}")
    return public(str(error)).rstrip(".") or type(error).__name__


def version_of(info: dict[str, Any]) -> str:
    """Returns a text that changes when the file changes, from what the server says about it."""
    return repr([(key, str(info[key])) for key in _VERSION_KEYS if info.get(key) is not None])
