import numpy as np
import pytest

from tests.support.builders import write_solid
from trash_keras.batch import shards
from trash_keras.data import multi_source
from trash_keras.data.pipeline import Split, load_split
from trash_keras.data.readers.base import open_reader, read_images
from trash_keras.data.sources.prepare import Request


@pytest.fixture
def joined(tmp_path):
    """Two sources with equal file names, one with a file of another kind: (data_dir, folder)."""
    write_solid(tmp_path / "home", 12)
    write_solid(tmp_path / "web", 7, colours={"blue": (60, 60, 200), "grey": (90, 90, 90)})
    (tmp_path / "web" / "notes.txt").touch()
    return f"{tmp_path}/home,{tmp_path}/web", tmp_path


def whole(data_dir, reader):
    return multi_source.whole(multi_source.open_sources(data_dir, "", reader))[0]


def test_every_image_says_where_it_is_from(joined):
    data_dir, folder = joined
    reader = open_reader(data_dir)
    files = reader.files_by_class()
    assert {name: len(paths) for name, paths in files.items()} == {
        "blue": 19, "green": 12, "grey": 7, "red": 12,
    }  # fmt: skip
    assert {"home/blue/blue0.png", "web/blue/blue0.png"} <= {*files["blue"]}
    assert reader.passed_over() == {"of other kinds": ["web/notes.txt"]}
    assert reader.read("web/grey/grey1.png") == (folder / "web/grey/grey1.png").read_bytes()
    with pytest.raises(OSError, match="no source shop"):
        reader.read("shop/grey/grey1.png")
    with pytest.raises(OSError):
        reader.read("home/grey/grey1.png")
    facts = reader.locations(["web/blue/blue0.png", "home/blue/blue0.png"])
    assert ["/web/" in facts[0], "/home/" in facts[1]] == [True, True]


@pytest.mark.parametrize("ordered", [True, False])
def test_images_come_with_their_positions(joined, ordered):
    data_dir, folder = joined
    reader = open_reader(data_dir)
    paths, _ = whole(data_dir, reader).examples("all")
    stream = reader.encoded(paths, ordered)
    assert len(stream) == len(paths) == 50
    found = [(int(position), encoded) for position, encoded in stream.as_numpy_iterator()]
    if ordered:
        assert [position for position, _ in found] == [*range(50)]
    assert {paths[position]: encoded for position, encoded in found} == {
        path: (folder / path).read_bytes() for path in paths
    }
    some = ["web/grey/grey3.png", "home/red/red1.png", "web/blue/blue2.png"]
    assert list(read_images(reader, some)) and read_images(reader, some) == {
        path: (folder / path).read_bytes() for path in some
    }
    assert read_images(reader, []) == {}


@pytest.mark.parametrize("data_format", ["tfrecord", "array_record"])
def test_shards_are_joined_like_folders(joined, tmp_path, data_format):
    data_dir, folder = joined
    for name in ("home", "web"):
        layout = shards.Layout(data_format, 3, 256)
        shards.write_shards(Request(str(folder / name)), tmp_path / "shards" / name, layout)
    sharded = f"{tmp_path}/shards/home,{tmp_path}/shards/web"
    read = []
    for where, data_format_of in ((data_dir, "folder"), (sharded, data_format)):
        reader = open_reader(where, data_format_of)
        catalog = whole(where, reader)
        images = load_split(Split(catalog, "all", reader, 16), cache=False)
        read.append((catalog, [image for image, _ in images.as_numpy_iterator()]))
    assert read[0][0] == read[1][0]
    np.testing.assert_array_equal(read[0][1], read[1][1])


def test_a_source_without_images_is_named(joined):
    data_dir, folder = joined
    (folder / "empty").mkdir()
    with pytest.raises(ValueError, match=r"/empty has no images"):
        open_reader(f"{data_dir},{folder}/empty").files_by_class()
    with pytest.raises(ValueError, match=r"no data folder .*/gone"):
        open_reader(f"{data_dir},{folder}/gone").files_by_class()
