"""`trash-keras audit` as a user runs it."""

import json
import os

import pytest
from PIL import Image

from trash_keras.data.groups import load_groups

pytestmark = pytest.mark.slow


def test_planted_defects_with_a_backbone(script, data_dir, toy_backbone, tmp_path):
    mislabelled = data_dir / "green" / "is_red.png"
    Image.new("RGB", (24, 20), (215, 35, 28)).save(mislabelled)
    (data_dir / "red" / "copy.png").write_bytes((data_dir / "blue" / "blue3.png").read_bytes())
    (data_dir / "red" / "broken.png").write_bytes(b"not much")
    output, groups = tmp_path / "out", tmp_path / "groups.json"
    flags = (
        f"--data_dir={data_dir}", f"--output={output}", f"--backbone={toy_backbone}",
        "--image_size=16", "--split_method=stratified", f"--groups={groups}",
    )  # fmt: skip
    done = script("audit", *flags)
    assert done.returncode == 0, done.stderr
    assert f"Page: {output}/audit.html" in done.stdout
    first = done.stdout.splitlines()[0]
    assert first.startswith("1 file that cannot be read, 1 file under two labels, ")
    assert first.endswith("2 labels to check.")
    found = json.loads((output / "audit.json").read_text())
    assert [item["file"] for item in found["unreadable"]] == ["red/broken.png"]
    assert set(found["counts"]) == {"train", "valid", "test"}
    assert load_groups(groups) == [tuple(group) for group in found["groups"]]
    assert {"blue/blue3.png", "red/copy.png"} in map(set, found["groups"])
    issues = {item["file"]: item["suggestion"] for item in found["doubtful_labels"]["found"]}
    assert issues == {"green/is_red.png": "red", "red/copy.png": "blue"}
    assert 10_000 < (output / "audit.html").stat().st_size < 5_000_000
    apply = f"--source={data_dir} --apply={output}/audit.csv"
    assert f"  trash-keras prepare {apply} --data_dir=NEW" in done.stdout
    cleaned = script("prepare", *apply.split(), f"--data_dir={tmp_path / 'cleaned'}")
    assert cleaned.stdout.startswith("Wrote 38 images of 3 classes to "), cleaned.stderr
    written = (output / "audit.html").stat().st_mtime_ns
    again = script("audit", *flags)
    assert again.returncode == 0 and "step" not in again.stdout  # no Keras progress: from cache
    assert (output / "audit.html").stat().st_mtime_ns > written
    assert json.loads((output / "audit.json").read_text()) == found


def test_without_a_backbone_it_starts_no_tensorflow(script, data_dir, tmp_path):
    (tmp_path / "tensorflow.py").write_text("raise SystemExit('TensorFlow was imported')")
    done = script(
        "audit", f"--data_dir={data_dir}", f"--output={tmp_path / 'out'}",
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "out/audit.json").read_text())["doubtful_labels"] is None


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (("--data_dir=gone",), 1, "There is no data folder gone"),
        (("--backbone=gone.keras",), 1, "There is no backbone file gone.keras"),
        (("--backbone=ResNet5",), 1, "Unknown backbone 'ResNet5'. Near names: ResNet50"),
        (("--catalog=gone.json",), 1, "No usable catalog at gone.json"),
        (("--split_method=official", "--split_dir=gone"), 1, "There is no official list gone"),
        (("--max_distance=65",), 2, "--max_distance=65: 65 is not an integer in the range [0, 64]"),
    ],
)
def test_a_user_error_is_one_line(script, data_dir, tmp_path, arguments, status, message):
    done = script("audit", f"--data_dir={data_dir}", f"--output={tmp_path / 'out'}", *arguments)
    assert done.returncode == status
    assert message in done.stderr and done.stderr.count("\n") == 1, done.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("package", ["imagehash", "cleanlab"])
def test_a_missing_package_names_the_command(script, data_dir, tmp_path, package):
    (tmp_path / "sitecustomize.py").write_text(f"import sys\nsys.modules[{package!r}] = None\n")
    done = script(
        "audit", f"--data_dir={data_dir}", f"--output={tmp_path / 'out'}", "--backbone=ResNet50",
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
    )  # fmt: skip
    assert done.returncode == 1
    assert f"the package {package}: pip install '.[audit]'" in done.stderr
    assert done.stderr.count("\n") == 1
