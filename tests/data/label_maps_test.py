import json
import re

import pytest

from trash_keras.data import label_maps
from trash_keras.data.catalog import Catalog

OURS = ("glass", "metal", "paper")
EXTERNAL = Catalog(
    ("bottle", "can", "jar", "sofa"),
    {"all": {"bottle": ("bottle/b.jpg", "bottle/a.jpg"), "can": ("can/a.jpg",),
             "jar": ("jar/a.jpg",), "sofa": ("sofa/a.jpg", "sofa/b.jpg")}},
)  # fmt: skip


def write(path, value):
    path.write_text(value if isinstance(value, str) else json.dumps(value))
    return path


def test_several_classes_may_become_one_and_null_leaves_out(tmp_path):
    given = {"bottle": "glass", "can": "metal", "jar": "glass", "sofa": None, "elsewhere": "paper"}
    label_map = label_maps.read(write(tmp_path / "map.json", given), OURS)
    assert label_map == given
    renamed, told = label_maps.apply(label_map, EXTERNAL)
    assert renamed.class_names == ("glass", "metal")
    assert renamed.splits == {
        "all": {"glass": ("bottle/a.jpg", "bottle/b.jpg", "jar/a.jpg"), "metal": ("can/a.jpg",)}
    }
    assert told == {"classes": given, "left_out": {"sofa": 2}}
    json.dumps(told)


def test_left_out_images_of_all_splits_are_counted():
    catalog = Catalog(("a", "b"), {"train": {"a": ("a/1",), "b": ("b/1", "b/2")},
                                   "test": {"a": ("a/2",), "b": ("b/3",)}})  # fmt: skip
    renamed, told = label_maps.apply({"a": "glass", "b": None}, catalog)
    assert renamed.splits == {"train": {"glass": ("a/1",)}, "test": {"glass": ("a/2",)}}
    assert told["left_out"] == {"b": 3}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "No usable label map at .*map.json: Expecting property name"),
        ([1], "must be a JSON object"),
        ({"bottle": 3}, "must be a JSON object"),
        ({"bottle": "glas", "can": "tin"}, "does not know: glas, tin. The model knows: glass, m"),
    ],
    ids=["no JSON", "no object", "no name", "unknown class"],
)
def test_a_map_that_cannot_be_used_is_refused(tmp_path, content, message):
    with pytest.raises(ValueError, match=message):
        label_maps.read(write(tmp_path / "map.json", content), OURS)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(ValueError, match=re.escape(str(tmp_path / "gone.json"))):
        label_maps.read(tmp_path / "gone.json", OURS)


def test_every_class_of_the_data_must_be_mapped():
    with pytest.raises(ValueError, match="lacks classes of the data: can, sofa"):
        label_maps.apply({"bottle": "glass", "jar": "glass"}, EXTERNAL)
    with pytest.raises(ValueError, match="leaves out every class"):
        label_maps.apply(dict.fromkeys(EXTERNAL.class_names), EXTERNAL)
