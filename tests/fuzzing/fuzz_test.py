"""Random and damaged input of every kind: one of the errors that verbs print, soon, in bounds.

Images, models' metadata and archives are files with bytes changed; texts in JSON are documents with
parts replaced, which Hypothesis makes and makes small. What once broke is kept in `corpus/`, as
TARGET.NAME, and tried first.
"""

import json
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support import fuzzing

pytestmark = pytest.mark.slow
# Inputs of each target; 22,000 in all.
BYTES = {"image": 9_000, "metadata": 3_000, "tflite": 1_000, "archive": 2_000, "form": 1_400}
TEXTS, DOCUMENTS = 4_000, 1_600


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


def try_all(target, count):
    generator = np.random.default_rng(0)
    originals = fuzzing.originals(target)
    fuzzing.TARGETS[target](originals[0])
    for number in range(count):
        content = mutated(generator, originals[number % len(originals)])
        try:
            fuzzing.check(target, content)
        except BaseException:
            kept = Path(tempfile.gettempdir(), f"{target}.{number}")
            kept.write_bytes(content)
            print(f"Input {number} is kept as {kept}; put it into {fuzzing.CORPUS} when mended.")
            raise


@pytest.mark.parametrize("path", sorted(fuzzing.CORPUS.glob("*.*")), ids=lambda path: path.name)
def test_what_once_broke(path):
    fuzzing.check(path.name.partition(".")[0], path.read_bytes())


@pytest.mark.parametrize("target", BYTES)
def test_files_with_bytes_changed(target):
    try_all(target, BYTES[target])


@pytest.mark.parametrize("target", fuzzing.texts())
def test_texts_with_bytes_changed(target):
    try_all(target, TEXTS // len(fuzzing.texts()))


def test_every_target_is_tried():
    assert {*BYTES, *fuzzing.texts()} == set(fuzzing.TARGETS)
    assert len(fuzzing.originals("image")) > 100


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


@pytest.mark.parametrize("name", fuzzing.documents())
@settings(
    max_examples=DOCUMENTS // 5, deadline=None, database=None, derandomize=True,
    suppress_health_check=list(HealthCheck),
)  # fmt: skip
@given(data=st.data())
def test_documents(name, data):
    document = replaced(data.draw, fuzzing.documents()[name])
    fuzzing.check(name, json.dumps(document).encode(errors="surrogatepass"))
