import copyreg
import hashlib
import os
import pickle
import struct

import numpy as np
import pytest

from trash_keras.models import torch_weights

PLAIN = np.arange(12, dtype="<f4").reshape(3, 4)
COUNT = np.array(7, dtype="<i8")


def text(value):
    return b"X" + struct.pack("<I", len(value)) + value.encode()


def numbers(*values):
    return b"(" + b"".join(b"J" + struct.pack("<i", value) for value in values) + b"t"


def tensor(key, shape, strides, count, kind="FloatStorage", offset=0):
    """Pickles a tensor as PyTorch does; `count` is an opcode with its argument, or an int."""
    count = b"J" + struct.pack("<i", count) if isinstance(count, int) else count
    storage = f"(%sctorch\n{kind}\n%s%s%sNtQ".encode()
    storage %= text("storage"), text(key), text("cpu"), count
    view = b"J" + struct.pack("<i", offset) + numbers(*shape) + numbers(*strides)
    no_hooks = b"\x89ccollections\nOrderedDict\n)R"
    return b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage + view + no_hooks + b"tR"


def state(**tensors):
    """Pickles an ordered dictionary of pickled values, with the attribute that modules leave."""
    items = b"".join(text(name) + value for name, value in tensors.items())
    attribute = b"}" + text("_metadata") + b"ccollections\nOrderedDict\n)Rs"
    return b"\x80\x02ccollections\nOrderedDict\n)R(" + items + b"u" + attribute + b"b."


def content(pickled, **storages):
    """The bytes of a whole file: a pickled dictionary, and an array for each storage."""
    begin = [0x1950A86A20F9469CFC6C, 1001, {"protocol_version": 1001, "little_endian": True}]
    head = b"".join(pickle.dumps(value, protocol=2) for value in begin)
    keys = pickle.dumps(sorted(storages), protocol=2)
    parts = [struct.pack("<q", storages[key].size) + storages[key].tobytes() for key in storages]
    return head + pickled + keys + b"".join(parts)


ONE = tensor("a", (3, 4), (4, 1), 12)
STEPS = tensor("b", (), (), 1, "LongStorage")


def with_kernel(value):
    """A whole file, in which one of two tensors is replaced by other opcodes."""
    return content(state(kernel=value, steps=STEPS), a=PLAIN, b=COUNT)


GOOD = with_kernel(ONE)


def read(folder, data):
    path = folder / "weights.pth"
    path.write_bytes(data)
    return torch_weights.read(path, hashlib.sha256(data).hexdigest())


def refused(folder, data, message):
    with pytest.raises(ValueError, match=message) as caught:
        read(folder, data)
    assert "\n" not in str(caught.value) and "weights.pth must hold" in str(caught.value)


def test_tensors_keep_names_order_and_numbers(tmp_path):
    found = read(tmp_path, GOOD)
    assert list(found) == ["kernel", "steps"]
    np.testing.assert_array_equal(found["kernel"], PLAIN)
    assert found["kernel"].dtype == np.float32
    assert found["steps"].dtype == np.int64 and found["steps"] == 7


def test_axes_may_lie_in_another_order(tmp_path):
    found = read(tmp_path, with_kernel(tensor("a", (4, 3), (1, 4), 12)))
    np.testing.assert_array_equal(found["kernel"], PLAIN.T)


def test_another_file_is_refused_before_it_is_read(tmp_path):
    (tmp_path / "weights.pth").write_bytes(GOOD)
    with pytest.raises(ValueError, match=r"weights.pth must have the SHA-256 00. Received: \w{64}"):
        torch_weights.read(tmp_path / "weights.pth", "00")


class Command:
    """What makes a pickle dangerous: to unpickle it runs a command."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch {self.path}",)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("place", ["first", "state", "value"])
def test_a_command_is_refused_and_not_run(tmp_path, protocol, place):
    command = pickle.dumps(Command(tmp_path / "ran"), protocol=protocol)
    pickle.loads(command)
    assert (tmp_path / "ran").exists()  # it is dangerous where pickle is trusted
    (tmp_path / "ran").unlink()
    whole = {
        "first": command + GOOD,
        "state": content(command, a=PLAIN, b=COUNT),
        "value": with_kernel(command.removesuffix(b".")),
    }
    refused(tmp_path, whole[place], "the name|the pickle opcode")
    assert not (tmp_path / "ran").exists()


def test_extension_codes_are_refused(tmp_path):
    copyreg.add_extension("os", "system", 240)
    try:
        pickle.loads(b"\x80\x02\x82\xf0.")  # now in pickle's own cache, which asks no find_class
        refused(
            tmp_path, with_kernel(b"\x82\xf0" + text("true") + b"\x85R"), "the pickle opcode EXT1"
        )
    finally:
        copyreg.remove_extension("os", "system", 240)
        copyreg.clear_extension_cache()


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (b"cbuiltins\neval\n", "the name builtins eval"),
        (b"ctorch\nDoubleStorage\n", "the name torch DoubleStorage"),
        (b"ccollections\nOrderedDict\n", "a value that is no tensor"),
        (b"K\x01", "a value that is no tensor"),
        (b"ccollections\nOrderedDict\nK\x01\x85R", "a call that makes no tensor"),
        (b"(" + text("module") + b"tQ", "a storage of another kind"),
        (tensor("a", (3, 4), (4, 1), 12, offset=1), "a call that makes no tensor"),
        (tensor("a", (3, 3), (4, 1), 12), "a tensor that is not the whole of its storage"),
        (tensor("a", (-3, -4), (4, 1), 12), "a tensor that is not the whole of its storage"),
        (tensor("a", (3, 4), (5, 1), 12), "strides is incompatible"),
        (tensor("a", (3, 4), (-4, 1), 12), "strides is incompatible"),
        (tensor("a", (3, 4), (4,), 12), "strides"),
        (tensor("a", (3, 4), (4, 1), 13), "a storage of 12 numbers instead of 13"),
        (tensor("a", (3, 4), (4, 1), -1), "a storage of 12 numbers instead of -1"),
        (tensor("c", (3, 4), (4, 1), 12), "other storages than those of the tensors"),
        (ONE + b"K\x01" + ONE, "a key that is no name"),
        (b"h\x63", "99"),  # nothing was remembered under that number
        (b"X\xff\xff\xff\xff", "expected 4294967295 bytes"),
        (b"\x8b\xff\xff\xff\x7f", "not enough data in stream"),
        (b"0" * 9, "the pickle opcode POP"),
        (b"tt", "pop from empty list"),
    ],
)
def test_all_that_is_no_whole_tensor_is_refused(tmp_path, value, message):
    refused(tmp_path, with_kernel(value), message)


def test_a_storage_larger_than_the_file_is_refused(tmp_path):
    huge = b"\x8a\x08" + struct.pack("<q", 2**62)
    data = with_kernel(tensor("a", (2**30, 2**30, 4), (1, 1, 1), huge))
    data = data.replace(struct.pack("<q", 12) + PLAIN.tobytes(), struct.pack("<q", 2**62))
    refused(tmp_path, data, "a storage that is cut off")
    larger = b"\x8a\xff" + 254 * b"\xff" + b"\x7f"
    data = with_kernel(tensor("a", (3, 4), (4, 1), larger))
    refused(tmp_path, data, "a storage of 12 numbers instead of")


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04 of today's format", b"\x89PNG\r\n", GOOD[15:]])
def test_other_formats_are_refused(tmp_path, data):
    refused(tmp_path, data, "nothing else. Found: ")


def test_no_byte_may_be_missing_or_left_over(tmp_path):
    for end in range(len(GOOD)):
        refused(tmp_path, GOOD[:end], "Found: ")
    refused(tmp_path, GOOD + b"\0", "1 bytes after the last storage")


def test_a_damaged_file_fails_as_any_other(tmp_path):
    generator = np.random.default_rng(0)
    failures = 0
    for _ in range(500):
        damaged = bytearray(GOOD)
        damaged[generator.integers(len(GOOD))] = generator.integers(256)
        try:
            read(tmp_path, bytes(damaged))
        except ValueError:
            failures += 1
    assert failures > 100  # the rest changed numbers or names alone
