"""What fuzzing tries: the functions that read bytes of others, valid input for each, and limits.

The tests in `tests/fuzzing` and `make fuzz` share them.
"""

import asyncio
import dataclasses
import json
import resource
import shutil
import tempfile
import time
from pathlib import Path

from starlette.requests import Request

from tests.support import odd_files
from trash_keras import config
from trash_keras.cli import flag_files
from trash_keras.data import corrections, decoding, groups, known_label_issues, label_maps
from trash_keras.data.catalog import Catalog
from trash_keras.data.sources import archives
from trash_keras.data.trashnet import official_lists
from trash_keras.metadata import ModelMetadata
from trash_keras.metrics import report_file
from trash_keras.metrics.predictions import Predictions
from trash_keras.scanning import litert
from trash_keras.serving import uploads
from trash_keras.serving.limits import Limits

TESTS = Path(__file__).parents[1]
CORPUS = TESTS / "fuzzing/corpus"
SECONDS, BYTES = 2.0, 1_000_000_000  # most that one input may take
USERS = (ValueError, OSError, uploads.RefusalError)  # what ends a verb or a request with one line
CLASSES = ("glass", "metal")
LIMITS = Limits(upload_megabytes=0.1, files=3, megapixels=0.01, seconds=5, batch=4, requests=2)
METADATA = ModelMetadata(CLASSES, 16, "crop", threshold=0.5)
AUDITED = Catalog(CLASSES, {"all": {"glass": ("glass/1.jpg",), "metal": ("metal/2.jpg",)}})


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


def divide(path):
    """Divides two images by this list of those to train on; the lists of the others are empty."""
    for name in official_lists.LIST_NAMES.values():
        path.with_name(name).touch()
    official_lists.predefined_splits(AUDITED.splits["all"], path.parent)


TARGETS = {
    "image": lambda content: decoding.load(content, 16, "pad", max_megapixels=20),
    "metadata": with_file(ModelMetadata.read, "model.tflite"),
    "tflite": with_file(litert.require_safe, "model.tflite"),
    "catalog": with_file(Catalog.load, "catalog.json"),
    "config": with_file(config.load, "config.json"),
    "label_map": with_file(lambda path: label_maps.read(path, CLASSES), "map.json"),
    "groups": with_file(groups.load_groups, "groups.json"),
    "audit": with_file(lambda path: known_label_issues.find(AUDITED, path), "audit.json"),
    "report": with_file(lambda path: report_file.read_report(path.parent), "report.json"),
    "predictions": with_file(Predictions.load, "test.csv"),
    "corrections": with_file(corrections.read, "list.csv"),
    "flags": with_file(inlined, "flags"),
    "split_list": with_file(divide, official_lists.LIST_NAMES["train"]),
    "archive": with_file(unpack, "archive"),
    "form": upload,
}


def check(target, content, seconds=SECONDS):
    """Tries an input, which may take so much processor time and memory, and fail as verbs do."""
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.process_time()
    try:
        TARGETS[target](content)
    except USERS as error:
        assert str(error)
    took = time.process_time() - started
    grown = 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory)
    assert took < seconds and grown < BYTES, f"{took:.1f} s, {grown / 1e6:.0f} MB"


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
            "exact_duplicates": [{"files": [{"file": "glass/1.jpg"}, {"file": "metal/2.jpg"}]}],
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


def texts():
    """A valid text for each target that reads one."""
    others = {
        "predictions": b"file,truth,prediction,glass,metal\na.jpg,glass,glass,0.7,0.3\n",
        "corrections": b"file,label,action,new_label,reason\na/b.jpg,a,relabel,c,x\n",
        "flags": b"# recipe\n--image_size=64\n--preset=best\n",
        "split_list": b"1.jpg 1\n\n2.jpg 5\n",
    }
    return {name: json.dumps(value).encode() for name, value in documents().items()} | others


def packed():
    """The same folder as an archive of each kind."""
    with tempfile.TemporaryDirectory() as folder:
        images = Path(folder, "images")
        (images / "glass").mkdir(parents=True)
        (images / "glass" / "1.png").write_bytes(odd_files.save(odd_files.IMAGE, "PNG"))
        kinds = ("zip", "tar", "gztar", "bztar", "xztar")
        made = [shutil.make_archive(str(Path(folder, kind)), kind, images) for kind in kinds]
        return [Path(path).read_bytes() for path in made]


def metadata():
    """The end of a model file, with metadata."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.tflite")
        path.write_bytes(bytes(4) + b"TFL3" + bytes(60))
        METADATA.embed(path)
        return path.read_bytes()


def form():
    part = b'--line\r\nContent-Disposition: form-data; name="files"; filename="%s"\r\n\r\n%s\r\n'
    body = part % (b"a.png", odd_files.save(odd_files.IMAGE, "PNG")) + part % (b"b", b"x")
    return body + b"--line--\r\n"


def originals(target):
    """Returns valid inputs of a target, from which others are made."""
    match target:
        case "image":
            return [file.encoded for file in odd_files.corpus() if len(file.encoded) < 50_000]
        case "metadata":
            return [metadata()]
        case "tflite":
            return [path.read_bytes() for path in sorted((TESTS / "fixtures").glob("*.tflite"))]
        case "archive":
            return packed()
        case "form":
            return [form()]
    text = texts()[target]
    return [text, text.decode().encode("utf-16")]
