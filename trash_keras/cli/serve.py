"""Serves a model over HTTP (inference server): classifies uploaded images.

    trash-keras serve [--model=FILE_OR_DIR]
    curl --form files=@photo.jpg --form files=@other.png http://127.0.0.1:8000/v1/classify

POST /v1/classify gives the same as `trash-keras predict --format=json`; GET /healthz, /metrics
(Prometheus), /v1/model. Needs `pip install '.[serve]'`, and TensorFlow only for models
other than .tflite files. SIGTERM and Ctrl-C let it finish what is under way. See docs/serving.md.
"""

from collections.abc import Sequence

from absl import flags

from trash_keras import pretrained
from trash_keras.cli import launch
from trash_keras.cli.flags import (
    define_model,
    define_threshold,
    define_trust,
    reject_positional_arguments,
)
from trash_keras.host.packages import install_hint
from trash_keras.storage.addresses import public_value

MODEL = define_model()
TRUST = define_trust()
HOST = flags.DEFINE_string(
    "host", "127.0.0.1", "Address to listen at; 0.0.0.0 for all of this machine."
)
PORT = flags.DEFINE_integer("port", 8000, "Port; 0 for any that is free.", 0, 65535)
THRESHOLD = define_threshold()
UPLOAD = flags.DEFINE_float(
    "max_upload_megabytes", 20.0, "Most megabytes of a request.", 0.001, 1e5
)
FILES = flags.DEFINE_integer("max_files", 16, "Most images in a request.", 1, 10_000)
MEGAPIXELS = flags.DEFINE_float(
    "max_megapixels", 50.0, "Most pixels of an image, millions.", 0.01, 1e4
)
SECONDS = flags.DEFINE_float(
    "timeout_seconds",
    30.0,
    "Most seconds for an upload, and again for its prediction.",
    0.1,
    86_400,
)
BATCH = flags.DEFINE_integer("max_batch", 8, "Most images in a micro-batch of the model.", 1, 1024)
REQUESTS = flags.DEFINE_integer(
    "max_requests", 32, "Most requests under way at once; others get status 503.", 1, 100_000
)
CORS_ORIGINS = flags.DEFINE_list(
    "cors_origins",
    [],
    "Web pages that may read predictions (CORS), as in https://example.org; * for all. Default: "
    "none of another origin.",
)
GROUPS = {
    "Model": (MODEL, THRESHOLD, TRUST),
    "Address": (HOST, PORT, CORS_ORIGINS),
    "Limits": (UPLOAD, FILES, MEGAPIXELS, SECONDS, BATCH, REQUESTS),
}


def main(paths: Sequence[str]) -> None:
    """Loads the model and serves it."""
    reject_positional_arguments(paths)

    try:
        with launch.quiet_imports():
            from trash_keras.serving import service
    except ModuleNotFoundError as error:
        raise ImportError(
            f"The service needs the package {error.name}: {install_hint('serve')}"
        ) from error
    from pathlib import Path

    from trash_keras import predictor
    from trash_keras.serving.limits import Limits

    limits = Limits(
        upload_megabytes=UPLOAD.value,
        files=FILES.value,
        megapixels=MEGAPIXELS.value,
        seconds=SECONDS.value,
        batch=BATCH.value,
        requests=REQUESTS.value,
    )
    service.check_origins(CORS_ORIGINS.value)
    model = MODEL.value or str(pretrained.path())
    listening = service.listen(HOST.value, PORT.value)
    classifier = predictor.load(model, threshold=THRESHOLD.value, trust_model=TRUST.value)
    app = service.build(classifier, Path(model).name, limits, CORS_ORIGINS.value)
    host, port = listening.getsockname()[:2]
    host = f"[{host}]" if ":" in host else host
    print(f"Serving {public_value(model)} at http://{host}:{port}/v1/classify")
    service.serve(app, listening, SECONDS.value)
