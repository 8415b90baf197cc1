"""The release workflow, with a stand-in for GitHub's command line."""

import os
import subprocess
import tarfile
import tomllib
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
        for script in ("release_files.sh", "release.sh"):
            done = subprocess.run(
                [ROOT / "tools" / script, "v1.0"], cwd=tmp_path, env=empty | paths | variables,
                capture_output=True, text=True,
            )  # fmt: skip
            assert done.returncode == 0, done.stderr
        return (tmp_path / "log").read_text().splitlines(), tmp_path

    return run


@pytest.mark.parametrize(("where", "looks"), [("--commit=", 1), ("--branch=main", 2)])
def test_the_newest_training_gives_exports_card_and_report(release, where, looks):
    asked, folder = release(WHERE=where)
    dist = folder / "dist"
    assert sum(line.startswith("run list") for line in asked) == looks
    assert {path.name for path in dist.iterdir()} == {
        "package.whl", "exports-v1.0.tar.gz", "MODEL_CARD.md", "report.html"
    }  # fmt: skip
    with tarfile.open(dist / "exports-v1.0.tar.gz") as packed:
        assert "exports-v1.0/model.tflite" in packed.getnames()
    assert (folder / "release/exports-v1.0/model.tflite").exists()  # what `make sign` signs
    assert asked[-2].startswith("release create v1.0 --verify-tag")
    assert asked[-2].endswith("--notes-file=release/notes.md")
    said = (folder / "release/notes.md").read_text()
    assert "The exports come from training run 77 at commit 0123abc." in said
    assert "SECURITY.md" in said
    assert asked[-1].startswith("release upload v1.0 --clobber") and "package.whl" in asked[-1]
    assert all(name in asked[-1] for name in ("exports-v1.0.tar.gz", "MODEL_CARD.md"))


@pytest.mark.parametrize(
    ("variables", "reason"),
    [({}, "no training has reached its bar yet."),
     ({"WHERE": "main", "EXPIRED": "1"}, "the artifacts of training run 77 are gone.")],
    ids=["none", "expired"],
)  # fmt: skip
def test_without_a_training_the_package_is_released_alone(release, variables, reason):
    asked, folder = release(**variables)
    assert reason in (folder / "release/notes.md").read_text()
    assert not list(folder.glob("release/exports*"))  # nothing to sign
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


def stand_in(runner, script):
    """Puts a Python first on the path: `-m venv FOLDER` puts it there, too; else runs a script."""
    tools = runner.checkout / "tools"
    tools.mkdir()
    (tools / "python").write_text(
        '#!/bin/sh\nif [ "$2" = venv ]; then mkdir -p "$3/bin"; cp "$0" "$3/bin/python"; exit; fi\n'
        + script
    )
    (tools / "python").chmod(0o755)
    runner.environment["PATH"] = f"{tools}:{runner.environment['PATH']}"


def test_the_tag_of_the_version_is_built(dry_runner, workflow):
    checkout = dry_runner.checkout
    (checkout / "trash_keras").mkdir()
    version = (ROOT / "trash_keras/__init__.py").read_text()
    (checkout / "trash_keras/__init__.py").write_text(version)
    # pip brings a program that writes the file it is asked for, and says what that is for.
    stand_in(
        dry_runner,
        'bin=$(dirname "$0")\ncase "$2" in build) mkdir dist; touch dist/package.whl;;\n'
        'pip) printf \'#!/bin/sh\\ncp "$3" dist/sbom.cdx.json\\n\' > "$bin/cyclonedx-py"\n'
        'chmod +x "$bin/cyclonedx-py";; esac\n',
    )
    job = workflow("release")["jobs"]["build"]
    done = dry_runner.run(job, github={"ref_name": f"v{trash_keras.__version__}"})
    assert list(done.statuses.values()) == [0, 0], done.output
    assert done.uploads == {"dist": {"dist": True}}
    described = tomllib.loads((checkout / "dist/sbom.cdx.json").read_text())["project"]
    assert described["version"] == trash_keras.__version__


@pytest.mark.parametrize("trained", [True, False])
def test_what_was_trained_is_signed_by_the_identity_of_the_job(dry_runner, workflow, trained):
    stand_in(
        dry_runner,
        'bin=$(dirname "$0"); [ "$2" != pip ] || { printf \'#!/bin/sh\\necho signed "$@"\\n\' '
        '> "$bin/model_signing"; chmod +x "$bin/model_signing"; }\n',
    )
    (dry_runner.checkout / "release" / "exports-v1.0" if trained else dry_runner.checkout).mkdir(
        parents=True, exist_ok=True
    )
    (step,) = [
        step
        for step in workflow("release")["jobs"]["publish"]["steps"]
        if step.get("run") == "make sign"
    ]
    done = dry_runner.shell(step["run"], dry_runner.environment | step["env"])
    assert done.returncode == 0, done.stdout
    said = [line for line in done.stdout.splitlines() if line.startswith("signed")]
    signed = (
        "signed sign sigstore --use_ambient_credentials --signature=dist/exports-v1.0.sig "
        "release/exports-v1.0"
    )
    assert said == [signed] * trained
