"""Fixtures of the Android tests: an export to put into the app, and the app's code on a JVM."""

import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from types import SimpleNamespace

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = ROOT / "android/app/src/main"
KOTLIN = SOURCES / "kotlin/com/example/trashkeras"
TOOLS = Path(sys.prefix) / "node/node_modules"  # of `make setup`


@pytest.fixture(scope="session")
def app():
    """Where the app lies: `root` of the Gradle project, `sources`, its `code` by file name."""
    code = {path.name: path.read_text() for path in KOTLIN.glob("*.kt")}
    return SimpleNamespace(root=ROOT / "android", sources=SOURCES, code=code)


@pytest.fixture(scope="session")
def model_files(app):
    """The names of the assets that the app runs, by kind."""
    names = re.findall(r'const val (\w+)_FILE = "(.+)"', app.code["Choice.kt"])
    return {kind.lower(): name for kind, name in names}


@pytest.fixture(scope="session")
def exported(doubtful, tmp_path_factory):
    """The TFLite files of a run whose predictions are often unsure, by kind."""
    from trash_keras.exporters import exporter

    run = tmp_path_factory.mktemp("android") / "run"
    shutil.copytree(doubtful[0], run)
    kinds = ["float32", "float16", "dynamic", "int8"]
    # Of classes that nothing tells apart, int8 takes another one than Keras at times.
    facts = exporter.export(run, kinds, min_agreement=0, timing_rounds=0)
    return {kind: run / "export" / facts["kinds"][kind]["path"] for kind in kinds}


@pytest.fixture(scope="session")
def kotlin_tools():
    """The npm packages that `make setup` installs: Kotlin's compiler and ktlint."""
    if not shutil.which("java") or not TOOLS.joinpath("kotlin-compiler").is_dir():
        pytest.skip("needs Java, and Node.js 20 at make setup")
    return TOOLS


@pytest.fixture(scope="session")
def java_tool(kotlin_tools):
    """Runs a program of `kotlin_tools`."""

    def run(arguments, cwd=None, text=None):
        quick_start = ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"]
        command = ["java", "-Xmx768m", *quick_start, *map(str, arguments)]
        return subprocess.run(
            command, cwd=cwd, input=text, capture_output=True, text=True, timeout=600
        )

    return run


@pytest.fixture(scope="session")
def on_jvm(java_tool, kotlin_tools, tmp_path_factory):
    """Does commands of harness.kt with the app's code: a list of lines -> a list of lines.

    All of the app is compiled, Android's and other libraries' classes being those of stubs/.
    """
    classes = tmp_path_factory.mktemp("classes")
    resources = classes / "R.kt"
    resources.write_text(resource_names())
    library = kotlin_tools / "kotlin-compiler/lib"
    done = java_tool([
        "-cp", library / "kotlin-preloader.jar", "org.jetbrains.kotlin.preloading.Preloader",
        "-cp", library / "kotlin-compiler.jar", "org.jetbrains.kotlin.cli.jvm.K2JVMCompiler",
        "-no-reflect", "-Werror", "-d", classes, resources, KOTLIN,
        *Path(__file__).parent.glob("stubs/*.kt"), Path(__file__).with_name("harness.kt"),
    ])  # fmt: skip
    assert done.returncode == 0, done.stderr

    def run(commands):
        path = f"{classes}:{library / 'kotlin-stdlib.jar'}"
        arguments = ["-cp", path, "com.example.trashkeras.HarnessKt"]
        done = java_tool(arguments, text="\n".join(commands) + "\n")
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    return run


def resource_names():
    """Returns the object R that the Android plugin makes of the resources."""
    names = {"layout": {path.stem for path in SOURCES.glob("res/layout/*.xml")}}
    texts = ET.parse(SOURCES / "res/values/strings.xml")
    names["string"] = {text.get("name") for text in texts.iter("string")}
    layouts = "".join(path.read_text() for path in SOURCES.glob("res/layout/*.xml"))
    names["id"] = set(re.findall(r'android:id="@\+id/(\w+)"', layouts))
    objects = (
        f"object {kind} {{ {'; '.join(f'const val {name} = 1' for name in sorted(of_kind))} }}\n"
        for kind, of_kind in names.items()
    )
    return f"package com.example.trashkeras\n\nobject R {{\n{''.join(objects)}}}\n"
