"""Runs that share --cache_dir, one after the other and at once."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from trash_keras.data import pipeline
from trash_keras.data.catalog import scan, single_split
from trash_keras.data.readers import base
from trash_keras.models import backbones

# Reads the images in argv[1] with the cache argv[2] and a pause at each; prints their sum.
READER = """
import sys, time
from trash_keras.data import decoding, pipeline
from trash_keras.data.catalog import scan, single_split
from trash_keras.data.readers import base
load = decoding.load
def slow(*arguments):
    time.sleep(float(sys.argv[3]))
    return load(*arguments)
decoding.load = slow
split = pipeline.Split(single_split(scan(sys.argv[1])), "all", base.open_reader(sys.argv[1]), 32)
for _ in range(2):
    images = pipeline.load_split(split, cache_dir=sys.argv[2])
    print(sum(int(image.sum()) for image, _ in images.as_numpy_iterator()), flush=True)
"""


def start(data, cache, pause):
    return subprocess.Popen(
        [sys.executable, "-c", READER, str(data), str(cache), str(pause)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2],
    )  # fmt: skip


def test_images_survive_a_kill_and_are_shared(data_dir, tmp_path):
    killed = start(data_dir, tmp_path / "cache", 2)
    deadline = time.monotonic() + 100
    while not list(tmp_path.glob("cache/.images-*.tmp/*")):
        assert time.monotonic() < deadline and killed.poll() is None
        time.sleep(0.02)
    os.kill(killed.pid, signal.SIGKILL)
    killed.communicate()
    assert not list(tmp_path.glob("cache/images-*"))
    both = [start(data_dir, tmp_path / "cache", 0.01) for _ in range(2)]
    said = [child.communicate(timeout=200) for child in both]
    assert [child.returncode for child in both] == [0, 0], said
    sums = {line for out, _ in said for line in out.split("\n") if line.isdecimal()}
    assert len(sums) == 1
    (left,) = (tmp_path / "cache").glob("[!.]*")
    assert left.name.startswith("images-")


def test_the_cache_holds_what_is_read_without_one(data_dir, tmp_path):
    reader, catalog = base.open_reader(data_dir), single_split(scan(data_dir))
    split = pipeline.Split(catalog, "all", reader, 16)
    plain = [*pipeline.load_split(split, cache=False).as_numpy_iterator()]
    for ordered in (True, False):
        cached = pipeline.load_split(
            split, cache_dir=tmp_path / os.fsdecode(b"c\xe9"), ordered=ordered
        )
        assert len(cached) == len(plain) == 36
        for (image, label), (other, its) in zip(cached.as_numpy_iterator(), plain, strict=True):
            np.testing.assert_array_equal(image, other)
            np.testing.assert_array_equal(label, its)


def test_a_full_disk_leaves_no_half_cache(data_dir, tmp_path, monkeypatch):
    def full(*arguments):
        raise OSError(28, "No space left on device")

    split = pipeline.Split(single_split(scan(data_dir)), "all", base.open_reader(data_dir), 16)
    with monkeypatch.context() as patched:
        patched.setattr(np.lib.format, "write_array_header_1_0", full)
        with pytest.raises(OSError, match="There is no space to write"):
            pipeline.load_split(split, cache_dir=tmp_path / "cache")
    assert not [name for name in os.listdir(tmp_path / "cache") if not name.endswith(".lock")]
    assert len(list(pipeline.load_split(split, cache_dir=tmp_path / "cache"))) == 36


def test_a_bad_image_is_named_and_leaves_no_cache(data_dir, tmp_path):
    bad = data_dir / "red" / "red3.png"
    bad.write_bytes(b"text")
    split = pipeline.Split(single_split(scan(data_dir)), "all", base.open_reader(data_dir), 16)
    with pytest.raises(Exception, match=r"red/red3\.png: not a JPEG"):
        pipeline.load_split(split, cache_dir=tmp_path / "cache")
    assert not list(tmp_path.glob("cache/images-*"))


def test_weights_are_downloaded_by_one_process_at_a_time(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("KERAS_HOME", raising=False)
    lock = tmp_path / ".keras" / "models" / ".trash_keras.lock"
    seen = []

    def build(**options):
        seen.append((options["weights"], lock.exists()))
        raise Exception("no network")

    monkeypatch.setattr(backbones.keras.applications, "MobileNet", build)
    for weights in ("none", "imagenet"):
        with pytest.raises(ValueError, match="no network"):
            backbones.build("MobileNet", weights, 32)
    assert seen == [(None, False), ("imagenet", True)]
