"""The release workflow, with a stand-in for GitHub's command line."""

import os
import subprocess
import tarfile
from pathlib import Path

import pytest

import trash_keras

ROOT = Path(__file__).parents[2]
# Knows one training, of branch main or of the commit, as WHERE says; notes what it is asked.
GH = """#!/usr/bin/env bash
printf '%s\\n' "$*" >> "$LOG"
case "$1 $2" in
  "run list") case "$*" in *"$WHERE"*) echo "77 0123abc";; esac ;;
  "run download") [ -z "$EXPIRED" ] || exit 1
    folder=${@: -1}; folder=${folder#--dir=}; mkdir -p "$folder"
    case "$4" in --name=exports) echo x > "$folder/model.tflite";;
      *) echo card > "$folder/MODEL_CARD.md"; echo page > "$folder/report.html";; esac ;;
  "release view") [ -n "$STANDS" ] ;;
esac
"""


@pytest.fixture
def release(tmp_path):
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/gh").write_text(GH)
    (tmp_path / "bin/gh").chmod(0o755)
    (tmp_path / "dist").mkdir()
    (tmp_path / "dist/package.whl").touch()
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@example.org"]
    subprocess.run([*git, "init", "-q"], cwd=tmp_path, check=True)
    subprocess.run([*git, "commit", "-qm", "x", "--allow-empty"], cwd=tmp_path, check=True)

    def run(**variables):
        paths = {"PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}", "LOG": str(tmp_path / "log")}
        empty = {"WHERE": "nowhere", "EXPIRED": "", "STANDS": ""}
        command = [ROOT / "tools/release.sh", "v1.0"]
        done = subprocess.run(
            command, cwd=tmp_path, env=empty | paths | variables, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return (tmp_path / "log").read_text().splitlines(), tmp_path / "dist"

    return run


@pytest.mark.parametrize(("where", "looks"), [("--commit=", 1), ("--branch=main", 2)])
def test_the_newest_training_gives_exports_card_and_report(release, where, looks):
    asked, dist = release(WHERE=where)
    assert sum(line.startswith("run list") for line in asked) == looks
    assert {path.name for path in dist.iterdir()} == {
        "package.whl", "exports-v1.0.tar.gz", "MODEL_CARD.md", "report.html"
    }  # fmt: skip
    with tarfile.open(dist / "exports-v1.0.tar.gz") as packed:
        assert "exports/model.tflite" in packed.getnames()
    assert asked[-2].startswith("release create v1.0 --verify-tag")
    assert asked[-2].endswith("The exports come from training run 77 at commit 0123abc.")
    assert asked[-1].startswith("release upload v1.0 --clobber") and "package.whl" in asked[-1]
    assert all(name in asked[-1] for name in ("exports-v1.0.tar.gz", "MODEL_CARD.md"))


@pytest.mark.parametrize(
    ("variables", "reason"),
    [({}, "no training has reached its bar yet."),
     ({"WHERE": "main", "EXPIRED": "1"}, "the artifacts of training run 77 are gone.")],
    ids=["none", "expired"],
)  # fmt: skip
def test_without_a_training_the_package_is_released_alone(release, variables, reason):
    asked, _ = release(**variables)
    assert asked[-2].endswith(reason)
    assert asked[-1] == "release upload v1.0 --clobber dist/package.whl"


def test_a_release_that_stands_is_completed(release):
    asked, _ = release(STANDS="1")
    assert not any(line.startswith("release create") for line in asked)
    assert asked[-1].startswith("release upload")


def test_a_tag_that_is_not_the_version_builds_nothing(dry_runner, workflow):
    (dry_runner.checkout / "trash_keras").mkdir()
    version = (ROOT / "trash_keras/__init__.py").read_text()
    (dry_runner.checkout / "trash_keras/__init__.py").write_text(version)
    job = workflow("release")["jobs"]["build"]
    done = dry_runner.run(job, github={"ref_name": "v9.9.9"})
    assert done.statuses == {"Build, if the tag is the version": 2} and not done.uploads
    assert f"the tag v9.9.9 is not v{trash_keras.__version__}" in done.output


def test_the_tag_of_the_version_is_built(dry_runner, workflow):
    checkout = dry_runner.checkout
    (checkout / "trash_keras").mkdir()
    version = (ROOT / "trash_keras/__init__.py").read_text()
    (checkout / "trash_keras/__init__.py").write_text(version)
    tools = checkout / "tools"
    tools.mkdir()
    # `python -m venv FOLDER` of this Python puts itself there; `-m build` writes dist/.
    (tools / "python").write_text(
        '#!/bin/sh\ncase "$2" in venv) mkdir -p "$3/bin"; cp "$0" "$3/bin/python";;\n'
        "build) mkdir dist; touch dist/package.whl;; esac\n"
    )
    (tools / "python").chmod(0o755)
    dry_runner.environment["PATH"] = f"{tools}:{dry_runner.environment['PATH']}"
    job = workflow("release")["jobs"]["build"]
    done = dry_runner.run(job, github={"ref_name": f"v{trash_keras.__version__}"})
    assert list(done.statuses.values()) == [0], done.output
    assert done.uploads == {"dist": {"dist": True}}
