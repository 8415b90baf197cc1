"""The fetching, with a stand-in for npm."""

import pytest

from trash_keras.serving import web_demo
from trash_keras.serving.web_demo import PAGE

WORKS = 'echo "$@" >> "$CALLS"; mkdir -p node_modules/@litertjs/core'
FAILS = 'echo "npm error code ENOTFOUND" >&2; echo "npm error A complete log of" >&2; exit 1'


@pytest.fixture
def npm(tmp_path, monkeypatch):
    """Puts a shell script instead of npm; returns the file that it notes its calls in."""

    def put(script):
        program = tmp_path / "bin" / "npm"
        program.parent.mkdir(exist_ok=True)
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        return tmp_path / "calls"

    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/bin:/usr/bin")
    monkeypatch.setenv("CALLS", str(tmp_path / "calls"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return put


def test_it_is_fetched_once_with_no_scripts_run(npm, tmp_path):
    calls = npm(WORKS)
    folder = web_demo.fetch_npm_files(PAGE)
    assert (folder / "@litertjs" / "core").is_dir()
    assert folder.parent.parent == tmp_path / "cache" / "trash_keras"
    assert web_demo.fetch_npm_files(PAGE) == folder
    assert calls.read_text() == "ci --ignore-scripts --no-audit --no-fund\n"


def test_other_versions_are_another_folder(npm, tmp_path):
    calls = npm(WORKS)
    for version in ("1", "2"):
        for name in web_demo.LISTS:
            (tmp_path / name).write_text(version)
        web_demo.fetch_npm_files(tmp_path)
    assert len(calls.read_text().splitlines()) == 2


def test_without_npm_it_says_what_to_install(npm, monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(OSError, match=r"there is no npm here\. Install Node\.js"):
        web_demo.fetch_npm_files(PAGE)


def test_when_npm_fails_nothing_is_left_and_its_reason_is_told(npm, tmp_path):
    npm(FAILS)
    with pytest.raises(OSError, match=r"could not fetch LiteRT.js .*: npm error code ENOTFOUND$"):
        web_demo.fetch_npm_files(PAGE)
    assert list((tmp_path / "cache" / "trash_keras").iterdir()) == []
