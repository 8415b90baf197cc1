"""docs/android.md names what there is."""

import re
import tomllib
from pathlib import Path

import pytest

from trash_keras import pretrained

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def page():
    return (ROOT / "docs/android.md").read_text()


def test_the_model_files_are_named_as_the_app_names_them(page, app, model_files):
    assert all(f"`{name}`" in page for name in model_files.values())
    assert f"`{pretrained.path().relative_to(ROOT)}`" in page
    assert "-Pmodels=" in page and '"models"' in (app.root / "app/build.gradle.kts").read_text()


def test_its_commands_exist(page):
    commands = re.findall(r"trash-keras (\w+)([^`\n]*)", page)
    assert commands
    for script, arguments in commands:
        text = (ROOT / f"trash_keras/cli/{script}.py").read_text()
        for flag in re.findall(r"--(\w+)", arguments):
            assert f'"{flag}"' in text


def test_its_paths_and_anchors_exist(page):
    paths = re.findall(r"`((?:android|tests|trash_keras)/[\w./-]*)`", page)
    assert "android/gradle/libs.versions.toml" in paths
    assert [path for path in paths if not (ROOT / path).exists()] == []
    headings = re.findall(r"^#+ (.+)$", page, re.MULTILINE)
    anchors = {heading.lower().replace(" ", "-") for heading in headings}
    assert set(re.findall(r"\]\(#([\w-]+)\)", page)) <= anchors


def test_every_source_file_has_its_row(page, app):
    assert set(re.findall(r"^\| `(\w+\.kt)` \|", page, re.MULTILINE)) == set(app.code)


def test_files_without_android_classes_have_none(page, app):
    rows = dict(re.findall(r"^\| `(\w+\.kt)` \|.*\| (.+) \|$", page, re.MULTILINE))
    for name, classes in rows.items():
        imported = re.findall(
            r"^import (androidx?\..+|org\..+|com\.google\..+)$", app.code[name], re.MULTILINE
        )
        if classes == "none":
            assert imported == []
        else:
            assert imported


def test_every_permission_is_justified(page, app):
    manifest = (app.sources / "AndroidManifest.xml").read_text()
    named = re.findall(r'"android\.permission\.(\w+)"', manifest)
    assert named and all(name in page for name in named)


def test_versions_are_those_of_the_build(page, app):
    catalog = tomllib.loads((app.root / "gradle/libs.versions.toml").read_text())
    wrapper = (app.root / "gradle/wrapper/gradle-wrapper.properties").read_text()
    gradle = re.search(r"gradle-([\d.]+)-bin", wrapper)[1]
    assert all(f" {version}" in page for version in [*catalog["versions"].values(), gradle])
    build = (app.root / "app/build.gradle.kts").read_text()
    levels = [re.search(rf"{name}Sdk = (\d+)", build)[1] for name in ("compile", "target", "min")]
    assert f"| {', '.join(levels)} |" in page
