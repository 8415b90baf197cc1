"""Run by `make bare`: the package without extras, as installed, away from its sources."""

import importlib
import pkgutil
import subprocess
import sys
import tempfile
from pathlib import Path

import trash_keras

ROOT = Path(__file__).parents[1]


def main():
    installed = Path(trash_keras.__file__)
    if installed.is_relative_to(ROOT) and "site-packages" not in installed.parts:
        sys.exit(f"error: these are the sources, not an installed package: {installed}")
    modules = [
        module.name for module in pkgutil.walk_packages(trash_keras.__path__, "trash_keras.")
    ]
    for name in modules:
        importlib.import_module(name)
    command = [sys.executable, "-m", "experiments.predict", "--help"]
    with tempfile.TemporaryDirectory() as elsewhere:
        done = subprocess.run(command, cwd=elsewhere, capture_output=True, text=True)
    if "--model" not in done.stdout:
        sys.exit(f"error: experiments.predict --help does not answer: {done.stderr}")
    print(f"{len(modules)} modules of {installed.parent} imported; experiments.predict answers")


if __name__ == "__main__":
    main()
