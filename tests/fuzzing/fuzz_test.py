"""Random and damaged input of every kind: one of the errors that verbs print, soon, in bounds.

Images, models' metadata and archives are files with bytes changed; texts in JSON are documents with
parts replaced, which Hypothesis makes and makes small. What once broke is kept in `corpus/`, as
TARGET.NAME, and tried first.
"""

import asyncio
import dataclasses
import json
import resource
import shutil
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.requests import Request

from tests.support import odd_files
from trash_keras import config
from trash_keras.cli import flag_files
from trash_keras.data import corrections, decoding, groups, known_label_issues, label_maps
from trash_keras.data.catalog import Catalog
from trash_keras.data.sources import archives
from trash_keras.metadata import ModelMetadata
from trash_keras.metrics import report_file
from trash_keras.metrics.predictions import Predictions
from trash_keras.serving import uploads
from trash_keras.serving.limits import Limits

pytestmark = pytest.mark.slow
CORPUS = Path(__file__).parent / "corpus"
SECONDS, BYTES = 2.0, 1_000_000_000  # most that one input may take
# Inputs of each target; 21,000 in all.
IMAGES, METADATA, TEXTS, ARCHIVES, FORMS, DOCUMENTS = 9_000, 3_000, 4_000, 2_000, 1_400, 1_600
USERS = (ValueError, OSError, uploads.RefusalError)  # what ends a verb or a request with one line
CLASSES = ("glass", "metal")


def mutated(generator, content):
    """Changes bytes: flips, numbers at their limits, parts cut, repeated, moved or zeroed."""
    found = bytearray(content)
    for _ in range(generator.integers(1, 6)):
        if not found:
            break
        start, other = sorted(generator.integers(0, len(found), 2).tolist())
        other = min(other, start + 4096)
        match generator.integers(7):
            case 0:
                found[start] ^= 1 << int(generator.integers(8))
            case 1:
                found[start : start + 4] = generator.bytes(4)
            case 2:
                found[start : start + 4] = [b"\xff" * 4, bytes(4), b"\x7f\xff\xff\xff"][start % 3]
            case 3:
                del found[start:other]
            case 4:
                found[start:start] = found[start:other]
            case 5:
                found[start:other] = bytes(other - start)
            case 6:
                del found[start + 1 :]
    return bytes(found)


def with_file(read, name):
    """Makes of a function that takes a path one that takes the content."""

    def run(content):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, name)
            path.write_bytes(content)
            read(path)

    return run


def unpack(path):
    archives.unpack(path, path.with_name("unpacked"), maximum_bytes=10_000_000)


def upload(body):
    async def receive():
        return {"type": "http.request", "body": body, "more_body": False}

    headers = [(b"content-type", b"multipart/form-data; boundary=line")]
    request = Request({"type": "http", "method": "POST", "headers": headers}, receive)
    asyncio.run(uploads.read(request, LIMITS))


def inlined(path):
    flag_files.inline([f"--flagfile={path}"])


LIMITS = Limits(upload_megabytes=0.1, files=3, megapixels=0.01, seconds=5, batch=4, requests=2)
METADATA_OF = ModelMetadata(CLASSES, 16, "crop", threshold=0.5)
AUDITED = Catalog(CLASSES, {"all": {"glass": ("glass/1.jpg",), "metal": ("metal/1.jpg",)}})
TARGETS = {
    "image": lambda content: decoding.load(content, 16, "pad", max_megapixels=20),
    "metadata": with_file(ModelMetadata.read, "model.tflite"),
    "catalog": with_file(Catalog.load, "catalog.json"),
    "config": with_file(config.load, "config.json"),
    "label_map": with_file(lambda path: label_maps.read(path, CLASSES), "map.json"),
    "groups": with_file(groups.load_groups, "groups.json"),
    "audit": with_file(lambda path: known_label_issues.find(AUDITED, path), "audit.json"),
    "report": with_file(lambda path: report_file.read_report(path.parent), "report.json"),
    "predictions": with_file(Predictions.load, "test.csv"),
    "corrections": with_file(corrections.read, "list.csv"),
    "flags": with_file(inlined, "flags"),
    "archive": with_file(unpack, "archive"),
    "form": upload,
}


def check(target, content):
    """Tries an input; keeps it where it breaks something."""
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.process_time()
    try:
        TARGETS[target](content)
    except USERS as error:
        assert str(error)
    took = time.process_time() - started
    grown = 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory)
    assert took < SECONDS and grown < BYTES, f"{took:.1f} s, {grown / 1e6:.0f} MB"


def try_all(target, originals, count):
    generator = np.random.default_rng(0)
    for number in range(count):
        content = mutated(generator, originals[number % len(originals)])
        try:
            check(target, content)
        except BaseException:
            kept = Path(tempfile.gettempdir(), f"{target}.{number}")
            kept.write_bytes(content)
            print(f"Input {number} is kept as {kept}; put it into {CORPUS} when it is mended.")
            raise


@pytest.mark.parametrize("path", sorted(CORPUS.glob("*.*")), ids=lambda path: path.name)
def test_what_once_broke(path):
    check(path.name.partition(".")[0], path.read_bytes())


def test_images():
    originals = [file.encoded for file in odd_files.corpus() if len(file.encoded) < 50_000]
    assert len(originals) > 100
    try_all("image", originals, IMAGES)


def test_metadata_of_models(tmp_path):
    (tmp_path / "model.tflite").write_bytes(bytes(4) + b"TFL3" + bytes(60))
    METADATA_OF.embed(tmp_path / "model.tflite")
    ModelMetadata.read(tmp_path / "model.tflite")
    try_all("metadata", [(tmp_path / "model.tflite").read_bytes()], METADATA)


def documents():
    """A valid document of each kind that is read from JSON."""
    files = {
        name: {split: [f"{name}/{split}{n}.jpg" for n in range(3)] for split in ("train", "test")}
        for name in CLASSES
    }
    splits = {
        split: {name: files[name].get(split, []) for name in CLASSES}
        for split in ("train", "valid", "test")
    }
    return {
        "catalog": dataclasses.asdict(Catalog(CLASSES, splits)),
        "config": config.Config.make(data_dir="images").to_dict(),
        "label_map": {"a": "glass", "b": None},
        "groups": {"groups": [["glass/1.jpg", "glass/2.jpg"]]},
        "audit": {
            "exact_duplicates": [{"files": [{"file": "glass/1.jpg"}, {"file": "metal/1.jpg"}]}],
            "near_duplicates": [],
            "doubtful_labels": {
                "found": [
                    {
                        "file": "glass/1.jpg",
                        "suggestion": "metal",
                        "probability_of_suggestion": 0.9,
                    },
                ]
            },
        },
        "report": {"class_names": CLASSES, "test": {"accuracy": 0.5, "examples": 2}},
    }


def test_texts():
    others = {
        "predictions": b"file,truth,prediction,glass,metal\na.jpg,glass,glass,0.7,0.3\n",
        "corrections": b"file,label,action,new_label,reason\na/b.jpg,a,relabel,c,x\n",
        "flags": b"# recipe\n--image_size=64\n--preset=best\n",
    }
    texts = {name: json.dumps(value).encode() for name, value in documents().items()} | others
    for name, text in texts.items():
        try_all(name, [text, text.decode().encode("utf-16")], TEXTS // len(texts))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just("../../x"),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
)


def replaced(draw, node):
    """Draws a document that differs from another one in a place or two."""
    if not isinstance(node, dict | list | tuple) or not node or draw(st.integers(0, 4)) == 0:
        return draw(JSON)
    items = dict(node) if isinstance(node, dict) else dict(enumerate(node))
    key = draw(st.sampled_from(list(items)))
    match draw(st.integers(0, 9)):
        case 0:
            del items[key]
        case 1 if isinstance(node, dict):
            items[draw(st.text())] = draw(JSON)
        case _:
            items[key] = replaced(draw, items[key])
    return items if isinstance(node, dict) else list(items.values())


@pytest.mark.parametrize("name", documents())
@settings(
    max_examples=DOCUMENTS // 5, deadline=None, database=None, derandomize=True,
    suppress_health_check=list(HealthCheck),
)  # fmt: skip
@given(data=st.data())
def test_documents(name, data):
    document = replaced(data.draw, documents()[name])
    check(name, json.dumps(document).encode(errors="surrogatepass"))


def test_archives(tmp_path):
    (tmp_path / "images" / "glass").mkdir(parents=True)
    (tmp_path / "images" / "glass" / "1.png").write_bytes(odd_files.save(odd_files.IMAGE, "PNG"))
    originals = []
    for kind in ("zip", "tar", "gztar", "bztar", "xztar"):
        made = shutil.make_archive(str(tmp_path / kind), kind, tmp_path / "images")
        originals.append(Path(made).read_bytes())
    try_all("archive", originals, ARCHIVES)


def test_forms():
    part = b'--line\r\nContent-Disposition: form-data; name="files"; filename="%s"\r\n\r\n%s\r\n'
    body = part % (b"a.png", odd_files.save(odd_files.IMAGE, "PNG")) + part % (b"b", b"x")
    try_all("form", [body + b"--line--\r\n"], FORMS)
