"""An HTTP request -> the images in it, within limits."""

import asyncio
import contextlib
import dataclasses
from collections.abc import AsyncGenerator

from starlette.datastructures import Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request

from trash_keras.serving.limits import Limits

FIELD = "files"
BODY = "body"  # the name of an image that is the whole body of a request, and has none
HOW = (
    f"Send images as multipart/form-data in fields named {FIELD}, or one image as the body "
    "with its type, such as image/jpeg"
)
_PATIENCE = 10  # times the limit are read and thrown away before a client is cut off


class RefusalError(Exception):
    """A request that gets an HTTP status and one line that says why, and no prediction."""

    def __init__(self, status: int, message: str):
        super().__init__(" ".join(message.split()))
        self.status = status


@dataclasses.dataclass(frozen=True)
class Upload:
    """A file as it came.

    Attributes:
        name: As the client called it; nothing but the response uses it.
        encoded: Its bytes.
    """

    name: str
    encoded: bytes


async def read(request: Request, limits: Limits) -> list[Upload]:
    """Reads a request into memory.

    Args:
        request: Its body is multipart/form-data with `FIELD`s, or one image.
        limits: Of the service.

    Returns:
        At least one upload, in the order of the request; their bytes may be anything.

    Raises:
        RefusalError: It breaks a limit or is not such a request.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    is_form = kind == "multipart/form-data"
    if not (is_form or kind.startswith("image/") or kind in ("", "application/octet-stream")):
        await discard(request, limits)
        raise RefusalError(415, f"{HOW}. Received: {kind}")
    try:
        async with asyncio.timeout(limits.seconds):
            body = b"".join([chunk async for chunk in _within(request, limits)])
    except TimeoutError as error:
        raise RefusalError(408, f"The upload took over {limits.seconds:g} seconds") from error
    except ClientDisconnect as error:  # nobody reads this, but the metrics count it
        raise RefusalError(400, "The upload broke off") from error
    return await _files(request.headers, body, limits) if is_form else [Upload(BODY, body)]


async def discard(request: Request, limits: Limits) -> None:
    """Reads a request that is refused: many clients hear nothing before they have sent it all."""
    with contextlib.suppress(RefusalError, ClientDisconnect, TimeoutError):
        async with asyncio.timeout(limits.seconds):
            async for _ in _within(request, limits):
                pass


async def _files(headers: Headers, body: bytes, limits: Limits) -> list[Upload]:
    """Returns the files of a form."""

    async def stream() -> AsyncGenerator[bytes, None]:
        yield body

    parser = MultiPartParser(headers, stream(), max_files=limits.files, max_fields=limits.files)
    parser.spool_max_size = len(body) + 1  # so that nothing goes to the disk
    try:
        form = await parser.parse()
    except MultiPartException as error:
        status = 413 if error.message.startswith("Too many") else 400
        raise RefusalError(status, error.message) from error
    try:
        unknown = {name for name, value in form.multi_items() if name != FIELD}
        files = [value for value in form.getlist(FIELD) if isinstance(value, UploadFile)]
        if unknown or len(files) < len(form.multi_items()) or not files:
            received = ", ".join(sorted(unknown)) or ("text" if form else "nothing")
            raise RefusalError(400, f"{HOW}. Received: {received}")
        return [Upload(file.filename or BODY, await file.read()) for file in files]
    finally:
        await form.close()


async def _within(request: Request, limits: Limits) -> AsyncGenerator[bytes, None]:
    """Yields the body up to the limit, and reads on for a while before it refuses the rest."""
    most, size = limits.upload_megabytes * 1e6, 0
    async for chunk in request.stream():
        size += len(chunk)
        if size <= most:
            yield chunk
        elif size > _PATIENCE * most:
            break
    if size > most:
        raise RefusalError(413, f"A request may have {limits.upload_megabytes:g} megabytes")
