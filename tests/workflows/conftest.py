"""The workflows of .github, and a stand-in for the machine that runs them."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

ROOT = Path(__file__).parents[2]


def load(name):
    return yaml.safe_load((ROOT / ".github/workflows" / f"{name}.yml").read_text())


@pytest.fixture(scope="session")
def workflow():
    """Reads a workflow by name."""
    return load


def evaluate(expression, contexts):
    """Works out an expression as GitHub does, as far as our workflows need it."""

    def value_of(match):
        context, name = match.groups()
        return repr(contexts[context].get(name, ""))

    python = re.sub(r"\b([a-z]+)\.(\w+)\b", value_of, expression)
    python = re.sub(r"!(?!=)", " not ", python.replace("||", " or ").replace("&&", " and "))
    return eval(python, {"__builtins__": {}, "cancelled": lambda: False})


def fill(text, contexts):
    """Replaces each ${{ expression }} of a value in a workflow."""

    def filled(match):
        value = evaluate(match[1], contexts)
        return str(value).lower() if isinstance(value, bool) else str(value)

    return re.sub(r"\$\{\{(.*?)\}\}", filled, str(text))


class Runner:
    """Runs the steps of a job one after the other, as Actions would.

    Actions of others are not run; `uploads` notes what upload-artifact would have found then.
    """

    def __init__(self, checkout, home):
        self.checkout, self.home = checkout, home
        self.summary = home / "summary.md"
        self.environment = {
            "PATH": os.environ["PATH"], "HOME": str(home), "LANG": "C.UTF-8", "CI": "true",
            "GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(self.summary),
            "GITHUB_OUTPUT": str(home / "output"), "GITHUB_ENV": str(home / "environment"),
            "RUNNER_TEMP": str(home), "TF_CPP_MIN_LOG_LEVEL": "3",
        }  # fmt: skip

    def run(self, job, first="", **contexts):
        """Runs the steps from the one named `first`; returns what became of them."""
        empty = {name: {} for name in ("inputs", "secrets", "vars", "github")}
        contexts = empty | contexts
        variables = self.environment | self._filled(job, contexts)
        names = [step.get("name") for step in job["steps"]]
        done = SimpleNamespace(uploads={}, statuses={}, output="")
        for step in job["steps"][names.index(first) if first else 0 :]:
            failed = any(done.statuses.values())
            wanted = evaluate(step["if"].strip("${ }"), contexts) if "if" in step else not failed
            if wanted and "run" in step:
                ended = self.shell(step["run"], variables | self._filled(step, contexts))
                done.statuses[step.get("name")] = ended.returncode
                done.output += ended.stdout
            elif wanted and "/upload-artifact@" in step["uses"]:
                paths = fill(step["with"]["path"], contexts).split()
                done.uploads[step["with"]["name"]] = {
                    path: (self.checkout / path).exists() for path in paths
                }
        return done

    def shell(self, script, variables):
        """Runs a script as a `run:` of Actions, both outputs together."""
        return subprocess.run(
            ["bash", "-e", "-c", script], cwd=self.checkout, env=variables, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=900,
        )  # fmt: skip

    @staticmethod
    def _filled(holder, contexts):
        return {name: fill(value, contexts) for name, value in holder.get("env", {}).items()}


def install(checkout, python):
    """Puts an environment into a checkout that make takes for the one it would set up."""
    program = checkout / ".venv/bin/python"
    program.parent.mkdir(parents=True)
    program.write_text(f"#!/bin/sh\n{python}\n")
    program.chmod(0o755)
    for stamp in ("run-ready", "dev-ready", "node-ready"):  # each newer than what it rests on
        (checkout / ".venv" / stamp).touch()


@pytest.fixture(scope="module")
def runner(copy_working_tree, tmp_path_factory):
    """A runner whose Python is this one, in a copy of the working tree."""
    checkout = copy_working_tree(tmp_path_factory.mktemp("work") / "checkout")
    install(checkout, f'exec "{sys.executable}" "$@"')
    return Runner(checkout, tmp_path_factory.mktemp("home"))


@pytest.fixture
def dry_runner(tmp_path):
    """A runner whose Python prints its arguments, one a line, and the variables that it sees."""
    checkout = tmp_path / "checkout"
    checkout.mkdir()
    for name in ("Makefile", "requirements.lock", "requirements-dev.lock", "setup.cfg"):
        shutil.copy(ROOT / name, checkout / name)
    install(checkout, 'printf "%s\\n" "$@"; env')
    (tmp_path / "home").mkdir()
    return Runner(checkout, tmp_path / "home")
