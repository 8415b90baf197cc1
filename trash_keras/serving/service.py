"""The inference service: an HTTP application around one model, and the server that runs it."""

import asyncio
import contextlib
import dataclasses
import logging
import re
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NoReturn

import numpy as np
import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

import trash_keras
from trash_keras.data import decoding, formats
from trash_keras.host import cores
from trash_keras.predictor import Prediction, Predictor
from trash_keras.serving import metrics, uploads
from trash_keras.serving.batching import Batcher
from trash_keras.serving.connections import Connection
from trash_keras.serving.limits import Limits
from trash_keras.serving.uploads import RefusalError, Upload

RETRY_SECONDS = 1
# For openapi.json: FastAPI cannot see it, since requests are read within limits, by hand.
_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": [uploads.FIELD],
                    "properties": {
                        uploads.FIELD: {
                            "type": "array",
                            "items": {"type": "string", "format": "binary"},
                        }
                    },
                }
            },
            "image/*": {"schema": {"type": "string", "format": "binary"}},
        },
    }
}


class Service:
    """Handles requests with one model."""

    def __init__(self, predictor: Predictor, name: str, limits: Limits):
        """Takes the model.

        Args:
            predictor: The model.
            name: Of its file, for `/v1/model`.
            limits: What requests may be.
        """
        self._metadata, self._limits, self._name = predictor.metadata, limits, name
        self._under_way = 0
        self._metrics = metrics.Metrics(lambda: self._under_way)
        self._batcher = Batcher(
            predictor.predict_batch, limits.batch, self._metrics.batches.observe
        )
        self._decoders = ThreadPoolExecutor(cores.available(), "decoder")

    @contextlib.asynccontextmanager
    async def running(self, app: FastAPI) -> AsyncIterator[None]:
        """Runs the model while this lasts; warms it up first, so that no client waits for that."""
        batches = asyncio.create_task(self._batcher.run())
        side = self._metadata.image_size
        try:
            await self._batcher.predict(np.full((side, side, 3), decoding.PAD_VALUE, np.uint8))
            yield
        finally:
            batches.cancel()
            self._decoders.shutdown()

    async def classify(self, request: Request) -> Response:
        """Responds with the predictions that `trash-keras predict --format=json` prints."""
        started = time.perf_counter()
        status = 500
        try:
            if self._under_way >= self._limits.requests:
                await uploads.discard(request, self._limits)
                raise RefusalError(503, "Too many requests at once. Come again in a moment")
            self._under_way += 1
            try:
                predictions = await self._predictions(await uploads.read(request, self._limits))
            finally:
                self._under_way -= 1
            status = 200
            return JSONResponse(
                {"predictions": [prediction.to_dict() for prediction in predictions]}
            )
        except RefusalError as refusal:
            status = refusal.status
            return _error(status, str(refusal))
        finally:
            self._metrics.requests.labels(status).inc()
            self._metrics.seconds.observe(time.perf_counter() - started)

    async def _predictions(self, files: list[Upload]) -> list[Prediction]:
        """Classifies the files that can be read, and refuses a request that has none."""
        try:
            async with asyncio.timeout(self._limits.seconds):
                found = await asyncio.gather(*map(self._prediction, files))
        except TimeoutError as error:
            message = (
                f"No prediction within {self._limits.seconds:g} seconds. Come again in a moment"
            )
            raise RefusalError(503, message) from error
        predictions = [prediction for prediction, _ in found]
        if all(prediction.error for prediction in predictions):
            reasons = "; ".join(
                f"{prediction.file}: {prediction.error}" for prediction in predictions
            )
            raise RefusalError(found[0][1], reasons)
        for prediction in predictions:
            if not prediction.error:
                self._metrics.images.labels(prediction.label).inc()
        return predictions

    async def _prediction(self, file: Upload) -> tuple[Prediction, int]:
        """Returns the prediction, and the status of a request with this file alone."""
        metadata, loop = self._metadata, asyncio.get_running_loop()
        try:
            image = await loop.run_in_executor(
                self._decoders, decoding.load, file.encoded, metadata.image_size, metadata.resize,
                self._limits.megapixels,
            )  # fmt: skip
        except formats.UndecodableError as error:
            return Prediction(file.name, {}, str(error)), _status_of(error)
        row = await self._batcher.predict(image)
        return Prediction.from_row(row, metadata, file.name), 200

    async def health(self) -> Response:
        """Responds that the process lives, and whether it takes another request."""
        ready = self._under_way < self._limits.requests
        return JSONResponse({"live": True, "ready": ready}, 200 if ready else 503)

    async def measured(self) -> Response:
        """Returns the metrics for Prometheus."""
        return Response(self._metrics.text(), media_type=metrics.CONTENT_TYPE)

    async def model(self) -> Response:
        """Returns the metadata of the model."""
        return JSONResponse({"model": self._name, **dataclasses.asdict(self._metadata)})


def check_origins(origins: Sequence[str]) -> None:
    """Checks what `build` takes.

    Raises:
        ValueError: One is no origin, which browsers would never send.
    """
    for origin in origins:
        if origin != "*" and not re.fullmatch(r"https?://[^/\s?#@]+", origin):
            raise ValueError(
                "--cors_origins takes origins, as in https://example.org or "
                f"http://localhost:3000, without a path; or *. Received: {origin!r}"
            )


def build(
    predictor: Predictor, name: str, limits: Limits, cors_origins: Sequence[str] = ()
) -> FastAPI:
    """Builds the application; see `Service`.

    It has `openapi.json`, but not FastAPI's pages for it, which load scripts from other hosts.

    Args:
        predictor: As `Service` has it; so are `name` and `limits`.
        name: Of the model file.
        limits: What requests may be.
        cors_origins: Web pages that may read what it responds, or *; see `check_origins`.
    """
    service = Service(predictor, name, limits)
    app = FastAPI(
        title="trash_keras", version=trash_keras.__version__, lifespan=service.running,
        docs_url=None, redoc_url=None,
    )  # fmt: skip
    if cors_origins:
        app.add_middleware(
            CORSMiddleware, allow_origins=[origin.lower() for origin in cors_origins],
            allow_methods=["GET", "POST"], allow_headers=["*"],
        )  # fmt: skip
    app.post("/v1/classify", openapi_extra=_BODY)(service.classify)
    app.get("/v1/model")(service.model)
    app.get("/healthz")(service.health)
    app.get("/metrics")(service.measured)

    @app.exception_handler(HTTPException)
    async def refuse(request: Request, error: HTTPException) -> Response:
        return _error(error.status_code, error.detail)

    @app.exception_handler(Exception)
    async def fail(request: Request, error: Exception) -> Response:
        return _error(500, "A defect of the service; its log has more")

    return app


def _status_of(error: formats.UndecodableError) -> int:
    if isinstance(error, formats.TooManyPixelsError):
        return 413
    return 415 if isinstance(error, formats.UnknownFormatError) else 422


def _error(status: int, message: str) -> Response:
    headers = {"Retry-After": str(RETRY_SECONDS)} if status == 503 else {}
    return JSONResponse({"error": message}, status, headers)


def listen(host: str, port: int) -> socket.socket:
    """Opens the port, so that a taken one is an error before the model loads.

    Args:
        host: Address or name of this machine.
        port: 0 for any that is free.

    Raises:
        OSError: The port is taken, or the host is not of this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=512)


def configure(app: FastAPI, patience: float) -> uvicorn.Config:
    """Returns how the server runs; arguments as for `serve`."""
    return uvicorn.Config(
        app, log_level="error", access_log=False, server_header=False, http=Connection,
        timeout_graceful_shutdown=max(1, round(patience)),
    )  # fmt: skip


def serve(app: FastAPI, listening: socket.socket, patience: float) -> NoReturn:
    """Serves until SIGTERM, SIGINT or SIGHUP, finishes what is under way, and ends the process.

    Args:
        app: The application.
        listening: From `listen`.
        patience: Seconds that requests under way may take when it stops.
    """
    # A broken upload is the client's error: the client is told, the log stays quiet.
    logging.getLogger("python_multipart").setLevel(logging.ERROR)
    # uvicorn handles these signals, and raises them again when all is done: exit without an error.
    before = {
        number: signal.signal(number, lambda *_: sys.exit(0))
        for number in (signal.SIGTERM, signal.SIGINT)
    }
    if (hangup := getattr(signal, "SIGHUP", None)) and signal.getsignal(hangup) != signal.SIG_IGN:
        before[hangup] = signal.signal(hangup, lambda *_: signal.raise_signal(signal.SIGTERM))
    server = uvicorn.Server(configure(app, patience))
    try:
        if _in_event_loop():
            _serve_beside(server, listening)
        else:
            server.run(sockets=[listening])
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    sys.exit(1)  # the application could not start, and the log says why


def _in_event_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _serve_beside(server: uvicorn.Server, listening: socket.socket) -> None:
    """Serves in a thread until this one is interrupted: a notebook's kernel is a loop already."""
    with ThreadPoolExecutor(1, "server") as pool:
        running = pool.submit(server.run, [listening])
        try:
            running.result()
        finally:
            server.should_exit = True
