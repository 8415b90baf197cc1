import configparser
import re
import subprocess
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
LOCKS = {"requirements.lock": ("train", "lite"), "requirements-dev.lock": ("dev",)}
# The first versions without a published vulnerability in what this package does.
SAFE = {
    "pillow": "13.0", "keras": "3.15.1", "ai-edge-litert": "2.3", "python-multipart": "0.0.32",
    "fastapi": "0.133", "starlette": "1.3.1", "onnx": "1.21", "pillow-heif": "1.8",
    "filelock": "3.20.3", "jinja2": "3.1.6", "mapie": "1.6",
}  # fmt: skip


def setup():
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    return config


def required(*extras):
    """Returns name -> requirement of the package with some extras, and of those they name."""
    lines = setup()["options"]["install_requires"].splitlines()
    for extra in extras:
        lines += setup()["options.extras_require"][extra].splitlines()
    found = {}
    for line in lines:
        if line.startswith("file: "):
            lines += (ROOT / line.removeprefix("file: ")).read_text().splitlines()
        elif line.startswith("trash-keras["):
            lines += setup()["options.extras_require"]["train"].splitlines()
        elif text := line.split("#")[0].strip():
            one = Requirement(text)
            found[canonicalize_name(one.name)] = one
    return found


def locked(name):
    """Returns name -> versions in a lock file: one for each marker."""
    found = {}
    for line in re.findall(r"^\S+==.*", (ROOT / name).read_text(), re.MULTILINE):
        package, version = line.split(";")[0].rstrip("\\ ").split("==")
        found.setdefault(canonicalize_name(package.split("[")[0]), set()).add(version.strip())
    return found


def test_inference_alone_asks_for_the_same_ranges_as_training():
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    whole = {line.split(" #")[0] for line in lines if not line.startswith("#")}
    base = setup()["options"]["install_requires"].split()
    assert {"numpy", "pillow"} <= {one.split(">")[0] for one in base}
    assert {*base, *setup()["options.extras_require"]["runtime"].split()} <= whole


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_has_a_version_of_everything_that_is_required(name):
    versions = locked(name)
    for package, one in required(*LOCKS[name]).items():
        assert versions.get(package), f"{package}: run `make lock`"
        assert all(one.specifier.contains(version) for version in versions[package]), one
    assert not {"apache-beam", "trash-keras"}.intersection(versions)


@pytest.mark.parametrize("name", LOCKS)
def test_every_line_of_a_lock_has_hashes(name):
    text = (ROOT / name).read_text()
    entries = re.split(r"^(?=\S+==)", text, flags=re.MULTILINE)[1:]
    assert len(entries) > 50
    assert all(re.search(r"--hash=sha256:[0-9a-f]{64}", entry) for entry in entries)


def test_tools_beside_a_lock_are_held_to_its_versions(tmp_path):
    for stamp in ("run-ready", "dev-ready"):
        (tmp_path / stamp).touch()
    file = tmp_path / "constraints.txt"
    subprocess.run(["make", str(file), f"VENV={tmp_path}"], cwd=ROOT, check=True)
    found = {}
    for one in map(Requirement, file.read_text().splitlines()):
        assert not one.extras, "pip takes no extras in a constraint"
        (version,) = one.specifier
        found.setdefault(canonicalize_name(one.name), set()).add(version.version)
    assert found == locked("requirements-dev.lock")


def test_both_locks_agree():
    few, many = map(locked, LOCKS)
    assert {name: many[name] for name in few if name in many} == {
        name: few[name] for name in few if name in many
    }


@pytest.mark.parametrize("package", SAFE)
def test_no_range_admits_a_version_with_a_known_vulnerability(package):
    everything = required(*setup()["options.extras_require"])
    (floor,) = [one.version for one in everything[package].specifier if one.operator == ">="]
    as_numbers = lambda version: [*map(int, version.split(".")), 0, 0][:3]  # noqa: E731
    assert as_numbers(floor) >= as_numbers(SAFE[package])


def test_an_environment_of_its_own_has_apache_beam():
    extras = setup()["options.extras_require"]
    assert "beam" not in extras["dev"] and "pyarrow" in extras["dev"]
    assert "apache-beam" not in required(*extras), "it caps pillow below what is safe"
    assert str(required("beam")["pillow"].specifier) == "<14,>=13.0"
