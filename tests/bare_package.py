"""Run by `make bare`: the package as installed for training and serving, away from its sources."""

import importlib
import pkgutil
import subprocess
import sys
import tempfile
from pathlib import Path

import trash_keras
from trash_keras.cli import verbs

ROOT = Path(__file__).parents[1]


def main():
    installed = Path(trash_keras.__file__)
    if installed.is_relative_to(ROOT) and "site-packages" not in installed.parts:
        sys.exit(f"error: these are the sources, not an installed package: {installed}")
    started = {f"trash_keras.cli.{verb}" for verb in verbs.VERBS}  # each defines its own flags
    modules = [
        module.name
        for module in pkgutil.walk_packages(trash_keras.__path__, "trash_keras.")
        if module.name not in started
    ]
    for name in modules:
        importlib.import_module(name)
    with tempfile.TemporaryDirectory() as elsewhere:
        for name in ("experiments", "tools", "config"):  # a user's own, which must not be taken
            (Path(elsewhere) / name).mkdir()
            (Path(elsewhere) / name / "__init__.py").write_text("raise SystemExit('not ours')")
        for verb in verbs.VERBS:
            command = [Path(sys.executable).with_name("trash-keras"), verb, "--help"]
            done = subprocess.run(command, cwd=elsewhere, capture_output=True, text=True)
            if done.returncode or f"trash-keras {verb}" not in done.stdout:
                sys.exit(f"error: trash-keras {verb} --help does not work: {done.stderr}")
    print(f"{len(modules)} modules of {installed.parent} imported; {len(verbs.VERBS)} verbs start")


if __name__ == "__main__":
    main()
