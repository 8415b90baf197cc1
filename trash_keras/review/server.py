"""The page on which a person names images; for browsers on this machine alone.

Other programs of this machine's user could ask, too, but no web page of another origin: a request
must name a loopback host, which stops DNS rebinding, and one that changes something must have a
token that only the page can read.
"""

import functools
import hmac
import io
import json
import secrets
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from PIL import Image as PillowImage

from trash_keras.data import decoding
from trash_keras.data.formats import UndecodableError
from trash_keras.review.session import Session
from trash_keras.serving import pages, web_demo
from trash_keras.storage import text_files

PAGE = Path(__file__).parent / "page"
_FILES = {
    "/": PAGE / "index.html",
    "/review.css": PAGE / "review.css",
    "/review.js": PAGE / "review.js",
    "/icon.svg": web_demo.PAGE / "icon.svg",
    "/style.css": web_demo.PAGE / "style.css",
}
_HOSTS = {"127.0.0.1", "localhost"}
_TOKEN = "X-Review-Token"
_LARGEST_BODY = 10_000  # bytes
_SHOWN_SIDE = 1280  # pixels


class RefusalError(Exception):
    """A request that gets a status and one line that says why."""

    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.status = status


class _Handler(pages.Handler):
    policy = pages.policy(PAGE)

    def __init__(self, session: Session, token: str, *arguments: Any) -> None:
        self.session, self.token = session, token
        super().__init__(*arguments)

    def do_GET(self) -> None:  # noqa: N802 its base class calls it so
        self._guarded(self._get)

    def do_POST(self) -> None:  # noqa: N802 its base class calls it so
        self._guarded(self._post)

    def _guarded(self, respond: Callable[[str], None]) -> None:
        """Refuses other hosts, and says in a line what is wrong with a request."""
        try:
            if urlsplit(f"//{self.headers.get('Host', '')}").hostname not in _HOSTS:
                raise RefusalError(HTTPStatus.FORBIDDEN, "This page is for this machine alone")
            respond(urlsplit(self.path).path)
        except RefusalError as refusal:
            self.close_connection = True  # its body may not have been read
            self._send_json({"error": str(refusal)}, refusal.status)
        except ValueError as error:
            self._send_json({"error": str(error)}, HTTPStatus.CONFLICT)
        except ConnectionError:
            raise
        except OSError as error:
            self._send_json({"error": f"Not saved: {error}"}, HTTPStatus.INTERNAL_SERVER_ERROR)

    def _get(self, path: str) -> None:
        if path in _FILES:
            self.send(_FILES[path].read_bytes(), pages.TYPES[_FILES[path].suffix])
        elif path == "/state":
            self._send_json({"token": self.token, **self.session.state()})
        elif path.startswith("/images/"):
            self._send_image(path.removeprefix("/images/"))
        else:
            raise RefusalError(HTTPStatus.NOT_FOUND, "There is no such page")

    def _send_image(self, digest: str) -> None:
        image = self.session.image(digest)
        if image is None:
            raise RefusalError(HTTPStatus.NOT_FOUND, "No such image, or it is named")
        try:
            pixels = PillowImage.fromarray(decoding.decode(decoding.read_bytes(image.path)))
        except UndecodableError as error:
            self.session.drop(digest)
            raise RefusalError(
                HTTPStatus.GONE, f"{image.name}: {error}. It is passed over."
            ) from error
        pixels.thumbnail((_SHOWN_SIDE, _SHOWN_SIDE))
        content = io.BytesIO()
        pixels.save(content, "JPEG", quality=90)
        self.send(content.getvalue(), "image/jpeg")

    def _post(self, path: str) -> None:
        values = self._checked_body()
        session, image = self.session, values.get("image")
        if path == "/answer" and isinstance(values.get("class"), str | None):
            state = session.answer(str(image), values.get("class"))
        elif path == "/skip":
            state = session.skip(str(image))
        elif path == "/again":
            state = session.again()
        elif path == "/undo":
            state = session.undo()
        else:
            raise RefusalError(HTTPStatus.NOT_FOUND, "There is no such action")
        self._send_json(state)

    def _checked_body(self) -> dict[str, Any]:
        headers = self.headers
        token, origin = headers.get(_TOKEN, ""), headers.get("Origin")
        known = hmac.compare_digest(token.encode("utf-8", "replace"), self.token.encode())
        if not known or origin not in (None, f"http://{headers['Host']}"):
            raise RefusalError(HTTPStatus.FORBIDDEN, "The review was restarted. Reload this page.")
        length = headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > _LARGEST_BODY:
            raise RefusalError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "That is too long")
        try:
            values = text_files.from_json(self.rfile.read(int(length)))
        except ValueError as error:
            raise RefusalError(HTTPStatus.BAD_REQUEST, "That is not JSON") from error
        if not isinstance(values, dict):
            raise RefusalError(HTTPStatus.BAD_REQUEST, "That is no JSON object")
        return values

    def _send_json(self, value: Any, status: HTTPStatus = HTTPStatus.OK) -> None:
        self.send(json.dumps(value).encode(), "application/json", status)

    def end_headers(self) -> None:
        # Pages of other origins may not even show these images.
        self.send_header("Cross-Origin-Resource-Policy", "same-origin")
        super().end_headers()


class Server(pages.Server):
    """Serves the page of a session to this machine."""

    def __init__(self, session: Session, port: int = 0) -> None:
        """Starts to listen.

        Args:
            session: What the page shows.
            port: 0 for any that is free.

        Raises:
            OSError: The port is taken.
        """
        token = secrets.token_urlsafe()
        super().__init__(functools.partial(_Handler, session, token), "127.0.0.1", port)
