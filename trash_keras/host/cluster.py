"""The cluster that a process trains in, as the variable TF_CONFIG describes it to TensorFlow.

https://www.tensorflow.org/guide/distributed_training#setting_up_the_tf_config_environment_variable
"""

import dataclasses
import json
import os

VARIABLE = "TF_CONFIG"
SHAPE = (
    '{"cluster": {"worker": ["host1:port", "host2:port"]}, "task": {"type": "worker", "index": 0}}'
)
KINDS = ("chief", "worker")  # in this order they are numbered


@dataclasses.dataclass(frozen=True)
class Cluster:
    """The processes that train one model together.

    Attributes:
        addresses: host:port of each; empty for a process that trains alone.
        index: Number of this one. Number 0 is the chief, which writes.
    """

    addresses: tuple[str, ...] = ()
    index: int = 0

    @property
    def is_chief(self) -> bool:
        """Whether this process reads and writes the folder of the run."""
        return self.index == 0

    @property
    def is_several(self) -> bool:
        """Whether there are others."""
        return len(self.addresses) > 1


def read() -> Cluster:
    """Returns the cluster that TF_CONFIG describes.

    Raises:
        ValueError: It is not of the form of `SHAPE`, or has parameter servers or evaluators.
    """
    text = os.environ.get(VARIABLE, "")
    if not text:
        return Cluster()
    try:
        found = json.loads(text)
        machines, task = found.get("cluster", {}), found.get("task", {})
        if not machines:
            return Cluster()
        if others := {*machines, task["type"]} - {*KINDS}:
            raise ValueError(f"it has {', '.join(sorted(others))}")
        addresses = [str(each) for kind in KINDS for each in machines.get(kind, [])]
        before = len(machines.get("chief", [])) if task["type"] == "worker" else 0
        of_kind = machines[task["type"]]
        if not 0 <= int(task["index"]) < len(of_kind):
            raise ValueError("its task is not in its cluster")
        return Cluster(tuple(addresses), before + int(task["index"]))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(
            f"The variable {VARIABLE} must be like {SHAPE}, with the types chief and worker alone: "
            f"{error}. Received: {text[:200]}"
        ) from error


def require_alone(verb: str) -> None:
    """Checks that a verb which divides its work by folders is not in a cluster.

    Raises:
        ValueError: TF_CONFIG describes several workers.
    """
    if read().is_several:
        raise ValueError(
            f"{verb} trains many models, and workers of {VARIABLE} train one together. Remove the "
            "variable: processes that are started with the same --workdir share the work."
        )
