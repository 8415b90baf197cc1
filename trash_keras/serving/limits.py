"""What the service takes, from one request and from all together."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Limits:
    """Limits of the service; `trash_keras/cli/serve.py` says what each is without a flag.

    Attributes:
        upload_megabytes: Size of a request, millions of bytes.
        files: Pictures in a request.
        megapixels: Pixels of a picture, millions.
        seconds: Time for an upload, and again for its answer.
        batch: Pictures that the model gets at once.
        requests: Requests under way at once; more are told to come again. Together with
            `upload_megabytes` this bounds the memory that uploads take.
    """

    upload_megabytes: float
    files: int
    megapixels: float
    seconds: float
    batch: int
    requests: int
