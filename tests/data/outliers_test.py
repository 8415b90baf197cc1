import numpy as np
import pytest
from PIL import Image

from trash_keras.data import outliers


@pytest.fixture
def folder(tmp_path):
    """Two images, one in the sub-folder `wood` and deeper, and a text file."""
    root = tmp_path / "others"
    (root / "wood" / "oak").mkdir(parents=True)
    for place in (root / "a.png", root / "wood" / "oak" / "b.png"):
        Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(place)
    (root / "notes.txt").write_text("no image")
    return root


def test_folders_have_the_name_that_they_are_given_or_their_own(folder):
    found = outliers.named_splits(f"near={folder},{folder / 'wood'}")
    assert {name: len(split.examples()[0]) for name, split in found.items()} == {
        "near": 2, "wood": 1,
    }  # fmt: skip
    assert list(outliers.named_splits(f"{folder}/")) == ["others"]


def test_a_folder_may_have_a_comma_or_an_equals_sign_in_its_name(folder):
    odd = folder.rename(folder.with_name("a,b=c"))
    assert list(outliers.named_splits(odd)) == ["a,b=c"]


def test_home_is_meant_behind_a_name(folder, monkeypatch):
    monkeypatch.setenv("HOME", str(folder.parent))
    assert len(outliers.named_splits("near=~/others")["near"].examples()[0]) == 2


def test_an_image_has_its_folder_for_a_kind(folder):
    images = outliers.split(folder, "ood_dir")
    kinds = dict(zip(images.examples()[0], outliers.origins("near", images), strict=True))
    assert kinds == {"a.png": ("near", ""), "wood/oak/b.png": ("near", "wood")}


def test_two_folders_of_one_name_are_an_error(folder):
    with pytest.raises(ValueError, match=r"Two folders of --ood_dir are called others\. Give"):
        outliers.named_splits(f"{folder},{folder}")


@pytest.mark.parametrize("flag", ["ood_dir", "other_dir"])
@pytest.mark.parametrize("content", [None, "text"])
def test_a_folder_without_images_is_an_error(tmp_path, content, flag):
    with pytest.raises(ValueError, match=rf"--{flag} must be a folder of images\..*: .*gone"):
        outliers.split(tmp_path / "gone", flag)
    if content:
        (tmp_path / "broken.png").write_text(content)
    number = 1 if content else 0
    with pytest.raises(ValueError, match=f"no image that can be decoded, of {number} files"):
        outliers.split(tmp_path, flag)
