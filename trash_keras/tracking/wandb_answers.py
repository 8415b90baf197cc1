"""Whether a W&B server answers, and what is said when something there fails."""

import os
from collections.abc import Callable

import wandb

ANSWER_SECONDS = 10


def require_answer() -> None:
    """Checks that the server knows the user, in some `ANSWER_SECONDS`.

    Raises:
        Exception: One of many kinds; there is no key, or the server does not answer or refuses.
    """
    if not wandb.login(prompt=False, verify=True):
        raise wandb.errors.UsageError(
            "there is no API key; `wandb login` stores one, or set WANDB_API_KEY"
        )
    # `login` asks the server only the first time in a process, `Api` whenever it is made.
    wandb.Api(timeout=int(os.environ.get("WANDB_HTTP_TIMEOUT", ANSWER_SECONDS)))


def attempt(what: str, action: Callable[[], None]) -> None:
    """Calls `action`; when W&B fails in it, says so and goes on.

    Args:
        what: For the message.
        action: What to do.
    """
    try:
        action()
    except Exception as error:  # a view of the run must not cost the run
        print(f"W&B: {what} could not be logged. Reason: {reason(error)}", flush=True)


def reason(error: BaseException) -> str:
    """Returns what an error says in one line, without the key."""
    text = " ".join(str(error).split()) or type(error).__name__
    key = os.environ.get("WANDB_API_KEY")
    return (text.replace(key, "***") if key else text)[:300]
