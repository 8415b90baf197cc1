"""Ours and its peers measured in turn: A B A B ..., in processes of their own, several rounds.

Other load on the machine then hits all of them, so ratios within one call can be compared even
where the figures themselves cannot.
"""

import contextlib
import dataclasses
import functools
import importlib.util
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from tqdm import tqdm

from trash_keras.evaluation import workers

# Figure -> its value, of one turn.
Figures = dict[str, float]
Turn = Callable[[], Figures]


@dataclasses.dataclass(frozen=True)
class Contender:
    """One of those that are measured.

    Attributes:
        name: As tables show it.
        target: "module:function" of `trash_keras.benchmarks`. In a process of its own it is called
            with `options`; it returns what is called at each turn and returns `Figures`.
        options: What JSON can hold.
        needs: Names of the modules that it imports beside the extra `train`; their packages have
            the same names.
        cores: CPU cores that its process may use; 0 for all.
        fresh: Each turn gets a new process.
    """

    name: str
    target: str
    options: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    needs: tuple[str, ...] = ()
    cores: int = 0
    fresh: bool = False

    @property
    def missing(self) -> list[str]:
        """The packages in `needs` that are not installed."""
        return [name for name in self.needs if importlib.util.find_spec(name) is None]


@dataclasses.dataclass(frozen=True)
class Metric:
    """A figure that is compared.

    Attributes:
        key: In `Figures`.
        title: What is measured, for the name of the case; empty for its main figure.
        unit: Of the value.
        more_is_better: As for images/s; False as for seconds.
    """

    key: str
    title: str
    unit: str
    more_is_better: bool = False


@dataclasses.dataclass(frozen=True)
class Case:
    """What is measured together; each of ours is compared with each peer.

    Attributes:
        suite: Name of the suite.
        name: Of the case.
        ours: What of this package is measured; with several, rows have their names.
        peers: What it is compared with.
        metrics: The figures of both.
        most_rounds: For cases that take minutes; 0 for as many as are asked for.
        warms_up: Whether each has a turn before the first that counts, which fills the caches of
            files. False where a turn warms up by itself, and where it takes minutes.
    """

    suite: str
    name: str
    ours: tuple[Contender, ...]
    peers: tuple[Contender, ...]
    metrics: tuple[Metric, ...]
    most_rounds: int = 0
    warms_up: bool = True


@dataclasses.dataclass(frozen=True)
class Measured:
    """What came out.

    Attributes:
        figures: For each contender that ran, its figures of each round.
        not_run: For each that did not, why.
    """

    figures: Mapping[str, Sequence[Figures]]
    not_run: Mapping[str, str]


def measure(case: Case, rounds: int) -> Measured:
    """Measures the contenders of a case in turn.

    Args:
        case: What to measure. Names of contenders differ.
        rounds: How often each has a turn that counts, 1 or more.
    """
    rounds = min(rounds, case.most_rounds or rounds)
    everyone = (*case.ours, *case.peers)
    not_run = {
        one.name: f"not installed: pip install {' '.join(one.missing)}"
        for one in everyone
        if one.missing
    }
    running = [one for one in everyone if not one.missing]
    figures: dict[str, list[Figures]] = {one.name: [] for one in running}
    turns = [(turn, one) for turn in range(rounds + case.warms_up) for one in running]
    with contextlib.ExitStack() as stack:
        ask = {one.name: stack.enter_context(_asking(one)) for one in running}
        for turn, one in tqdm(turns, f"{case.suite}: {case.name}", unit="turn"):
            if one.name in not_run:
                continue
            try:
                found = ask[one.name]()
            except ValueError as error:
                not_run[one.name] = f"failed: {error}"
                del figures[one.name]
                continue
            if turn >= case.warms_up:
                figures[one.name].append(found)
    return Measured(figures, not_run)


@contextlib.contextmanager
def _asking(contender: Contender) -> Iterator[Turn]:
    """Gives what has a contender take its turn."""
    module = "trash_keras.benchmarks.worker"
    arguments = contender.target, json.dumps(dict(contender.options)), str(contender.cores)
    start = functools.partial(workers.start, module, *arguments)
    if not contender.fresh:
        with start() as ask:
            yield lambda: ask("turn")
        return

    def once() -> Figures:
        with start() as ask:
            return ask("turn")

    yield once
