"""A disk that fills up: the last good state stays, one line says so, the same call goes on.

On a tmpfs of a few megabytes, which only root can mount; elsewhere by the limit of a file's size.
"""

import resource
import shutil
import subprocess

import pytest

from trash_keras.exporters.exporter import export
from trash_keras.storage import local
from trash_keras.training import trainer

MEGABYTES = 8
NO_SPACE = "There is no space to write .*start the same command again"


@pytest.fixture
def disk(tmp_path):
    """A disk of a few megabytes: its folder, and what leaves so many bytes of it free."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={MEGABYTES}m", "tmpfs", folder]
    if not shutil.which("mount") or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("needs a disk of its own, which root can mount")
    ballast = folder / "ballast"

    def leave(free):
        ballast.unlink(missing_ok=True)
        left = shutil.disk_usage(folder).free
        if free is not None:
            ballast.write_bytes(bytes(max(0, left - free)))

    yield folder, leave
    # Lazily: what a failed test has open still would keep it busy.
    subprocess.run(["umount", "--lazy", folder], check=True)


@pytest.mark.parametrize("free", [0, 20_000, 60_000, 120_000, 400_000])
def test_training_goes_on_after_space_is_freed(
    disk, trained, configure, toy_backbone, free, monkeypatch
):
    folder, leave = disk
    _, data, whole = trained
    config = configure(data, toy_backbone)
    leave(free)
    with pytest.raises(OSError, match=NO_SPACE):
        trainer.train_and_evaluate(config, folder / "run")
    assert not list((folder / "run").rglob(".*.tmp"))
    leave(None)
    found = trainer.train_and_evaluate(config, folder / "run")
    assert found["test"]["loss"] == whole["test"]["loss"]


def test_a_cache_of_images(disk, trained, configure, toy_backbone, tmp_path):
    folder, leave = disk
    _, data, whole = trained
    config = configure(data, toy_backbone, cache_dir=str(folder / "cache"))
    leave(8_192)
    with pytest.raises(OSError, match=NO_SPACE):
        trainer.train_and_evaluate(config, tmp_path / "run")
    leave(None)
    found = trainer.train_and_evaluate(config, tmp_path / "run")
    assert found["test"]["loss"] == pytest.approx(whole["test"]["loss"], rel=1e-4)


@pytest.mark.parametrize("name", ["saved_model", "float32", "float16", "dynamic", "int8", "onnx"])
def test_exports(disk, trained, name):
    folder, leave = disk
    workdir, data, _ = trained
    shutil.copytree(workdir, folder / "run")
    page = (folder / "run" / "report.html").read_bytes()
    leave(8_192)
    with pytest.raises(OSError, match=NO_SPACE):
        export(folder / "run", [name], data, timing_rounds=0)
    assert not [path for path in (folder / "run" / "export").iterdir() if path.name != ".lock"]
    assert (folder / "run" / "report.html").read_bytes() == page
    leave(None)
    assert name in export(folder / "run", [name], data, timing_rounds=0)["kinds"]


def test_a_report_is_kept_when_it_cannot_be_written_again(disk, trained):
    folder, leave = disk
    shutil.copytree(trained[0], folder / "run")
    before = {path: path.read_bytes() for path in folder.rglob("report.*")}
    leave(0)
    for path in before:
        with pytest.raises(OSError, match=NO_SPACE):
            local.write_text(path, "x" * 100_000, checked=True)
    assert before == {path: path.read_bytes() for path in folder.rglob("report.*")}


def test_a_verb_says_so_in_one_line(script, tmp_path, data_dir, toy_backbone):
    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (6_000, 6_000))

    done = script(
        "train", f"--data_dir={data_dir}", f"--backbone={toy_backbone}", "--image_size=16",
        f"--workdir={tmp_path}/run", "--accelerator=cpu", preexec_fn=limit,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert "There is no space to write" in line and "Traceback" not in done.stderr
