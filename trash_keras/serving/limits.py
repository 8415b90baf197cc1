"""How much the service takes, from one request and from all together."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Limits:
    """Limits of the service; `trash_keras/cli/serve.py` says what each is without a flag.

    Attributes:
        upload_megabytes: Size of a request, millions of bytes.
        files: Images in a request.
        megapixels: Pixels of an image, millions.
        seconds: Time for an upload, and again for its prediction.
        batch: Images that the model gets at once.
        requests: Requests under way at once; more get status 503. Together with
            `upload_megabytes` this bounds the memory that uploads take.
    """

    upload_megabytes: float
    files: int
    megapixels: float
    seconds: float
    batch: int
    requests: int
