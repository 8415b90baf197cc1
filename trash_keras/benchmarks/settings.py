"""What a benchmark of the suites is asked for."""

import dataclasses
import os
from pathlib import Path

from trash_keras.data import file_roles
from trash_keras.host import cores
from trash_keras.metadata import ModelMetadata

SUITES = ("input", "train", "inference", "startup")


@dataclasses.dataclass(frozen=True)
class Settings:
    """What is measured, and with what.

    Attributes:
        folder: For drawn images and exported models; the caller removes it.
        suites: Names of suites.
        peers: Also measure the peers that are not in the extra `train`.
        images: Number of drawn images of 512x384.
        growth: How many times as many images the largest data set has; 1 measures no growth.
        cores: Numbers of CPU cores, or of threads.
        data_dir: Class folders to measure with in place of drawn images; empty for none.
        models: Model files and folders for inference; empty for exports of the packaged model.

    Raises:
        ValueError: An unknown suite, more cores than there are, or no such folder or model.
    """

    folder: Path
    suites: tuple[str, ...]
    peers: bool = False
    images: int = 1000
    growth: int = 4
    cores: tuple[int, ...] = (1, 2)
    data_dir: str = ""
    models: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if unknown := [name for name in self.suites if name not in SUITES]:
            raise ValueError(
                f"--suite must be one or more of {', '.join(SUITES)}. "
                f"Received: {', '.join(unknown)}"
            )
        there = cores.available()
        if max(self.cores) > there:
            raise ValueError(
                f"--threads must not be above the {there} CPU cores of this machine with --suite. "
                f"Received: {max(self.cores)}"
            )
        if self.data_dir and not os.path.isdir(self.data_dir):
            raise ValueError(f"--data_dir: there is no folder {self.data_dir}.")
        for model in self.models:
            file_roles.require("model", model)
            ModelMetadata.read(model)
