import asyncio
import dataclasses

import pytest
from starlette.requests import ClientDisconnect, Request

from trash_keras.serving import uploads
from trash_keras.serving.uploads import RefusalError, Upload


class Sender:
    """Sends a body in chunks, as a client does; counts what was taken from it."""

    def __init__(self, chunks, pause=0.0, ends="whole"):
        self._chunks, self._pause, self._ends, self.taken = list(chunks), pause, ends, 0

    async def __call__(self):
        await asyncio.sleep(self._pause)
        if not self._chunks:
            if self._ends == "broken":
                return {"type": "http.disconnect"}
            return {"type": "http.request", "body": b"", "more_body": False}
        self.taken += 1
        return {"type": "http.request", "body": self._chunks.pop(0), "more_body": True}


def read(limits, sender, kind="application/octet-stream"):
    headers = [(b"content-type", kind.encode())] if kind else []
    scope = {"type": "http", "method": "POST", "path": "/", "headers": headers}
    return asyncio.run(uploads.read(Request(scope, sender), limits))


def form(*parts, boundary="abc", end=True):
    """Parts of (header, content) -> (body, content type)."""
    lines = [
        f"--{boundary}\r\nContent-Disposition: form-data; {header}\r\n\r\n".encode() + content
        for header, content in parts
    ]
    body = b"\r\n".join([*lines, f"--{boundary}--\r\n".encode() if end else b""])
    return body, f"multipart/form-data; boundary={boundary}"


@pytest.mark.parametrize("kind", ["image/jpeg", "IMAGE/X-ODD; q=1", "application/octet-stream", ""])
def test_a_body_is_one_image_whatever_its_bytes(limits, kind):
    assert read(limits, Sender([b"ab", b"c"]), kind) == [Upload("body", b"abc")]


@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_forms_are_read_from_chunks_of_any_size(limits, size):
    content = b"\r\n--ab" * 300  # looks like the boundary
    body, kind = form(
        ('name="files"; filename="a.jpg"', content),
        ('name="files"; filename="../ü .png"', b""),
    )
    chunks = [body[start : start + size] for start in range(0, len(body), size)]
    assert read(limits, Sender(chunks), kind) == [
        Upload("a.jpg", content),
        Upload("../ü .png", b""),
    ]


def test_the_limit_of_bytes_is_exact_and_the_rest_is_not_kept(limits):
    limits = dataclasses.replace(limits, upload_megabytes=0.001)
    assert len(read(limits, Sender([b"x" * 500] * 2))[0].encoded) == 1000
    sender = Sender([b"x" * 500] * 5)
    with pytest.raises(RefusalError, match=r"^A request may have 0\.001 megabytes$") as refused:
        read(limits, sender)
    assert refused.value.status == 413
    assert sender.taken == 5  # a client that still sends would not hear the refusal
    endless = Sender([b"x" * 500] * 1000)
    with pytest.raises(RefusalError, match="megabytes"):
        read(limits, endless)
    assert endless.taken == 21  # but not forever


def test_a_slow_upload_is_given_up(limits):
    with pytest.raises(RefusalError, match=r"took over 0\.1 seconds") as refused:
        read(dataclasses.replace(limits, seconds=0.1), Sender([b"x"] * 50, pause=0.02))
    assert refused.value.status == 408


def test_an_upload_that_breaks_off_is_no_defect(limits):
    with pytest.raises(RefusalError, match="broke off") as refused:
        read(limits, Sender([b"x"], ends="broken"))
    assert refused.value.status == 400 and isinstance(refused.value.__cause__, ClientDisconnect)


IMAGE = ('name="files"; filename="a.jpg"', b"x")


@pytest.mark.parametrize(
    ("body", "kind", "status", "message"),
    [
        (b"{}", "application/json", 415, "Send images as .* Received: application/json$"),
        (b"x", "multipart/form-data", 400, "Missing boundary"),
        (b"junk" * 9, "multipart/form-data; boundary=abc", 400, "Invalid multipart"),
        (*form(), 400, "Invalid multipart|Received: nothing"),
        (*form(IMAGE, end=False), 400, "Received: nothing|Invalid multipart"),
        (*form(('name="files"', b"text")), 400, "Received: text$"),
        (*form(IMAGE, ('name="files"', b"text")), 400, "Received: text$"),
        (*form(IMAGE, ('name="b"; filename="b.jpg"', b"x")), 400, "Received: b$"),
        (*form(('filename="a.jpg"', b"x")), 400, '"name" must be provided'),
        (*form(*[IMAGE] * 4), 413, "Too many files. Maximum number of files is 3"),
        (*form(*[('name="n"', b"x")] * 4), 413, "Too many fields"),
    ],
)
def test_what_is_no_upload_is_refused(limits, body, kind, status, message):
    with pytest.raises(RefusalError, match=message) as refused:
        read(limits, Sender([body]), kind)
    assert refused.value.status == status and "\n" not in str(refused.value)
