"""Connections of the HTTP service: clients that send no request do not keep others out.

uvicorn waits for the header of a request as long as a client likes, and takes any number of
connections. A few hundred idle ones ("slowloris") would use up the descriptors of the process.
"""

import asyncio
from typing import Any

from uvicorn.protocols.http import h11_impl

HEADER_SECONDS = 10.0  # for the header of a request; at most twice as long
MOST_CONNECTIONS = 500  # below the usual 1,024 descriptors of a process


class Connection(h11_impl.H11Protocol):
    """A connection that ends when it waits too long for a request, or when others need its place.

    `HEADER_SECONDS` and `MOST_CONNECTIONS` bound it.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._earlier: Any = None
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Takes a client, if need be in the place of one that has waited longest."""
        super().connection_made(transport)
        self._watch()
        if len(self.connections) > MOST_CONNECTIONS:
            waiting = [
                other
                for other in self.connections
                if isinstance(other, Connection) and other.is_waiting and other is not self
            ]
            given_up = min(waiting, key=lambda other: other.since, default=self)
            given_up.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stops the clock."""
        if self._timer:
            self._timer.cancel()
        super().connection_lost(exc)

    @property
    def is_waiting(self) -> bool:
        """Whether no request is under way; a header that has come in part is none."""
        return self.cycle is None or self.cycle.response_complete

    def _watch(self) -> None:
        """Looks at the connection now and then; ends it where nothing has come in between."""
        if self._timer and self.is_waiting and self.cycle is self._earlier:
            self.transport.abort()
            return
        if not self._timer:
            self.since = self.loop.time()
        self._earlier = self.cycle
        self._timer = self.loop.call_later(HEADER_SECONDS, self._watch)
