"""A folder with planted defects: each must be found, and the clean images must not."""

import io
import sys

import numpy as np
import pytest
from PIL import Image, ImageFilter

from trash_keras.data.audit import audit, duplicates
from trash_keras.data.catalog import Catalog, scan, single_split

SPLITS = ("train", "valid", "test")


def scene(seed, size=(96, 72)):
    """An image with shapes of its own: no two seeds look alike."""
    generator = np.random.default_rng(seed)
    coarse = generator.integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return (
        Image.fromarray(coarse)
        .resize(size, Image.Resampling.NEAREST)
        .filter(ImageFilter.GaussianBlur(2))
    )


@pytest.fixture(scope="session")
def planted(tmp_path_factory):
    """Two classes of 12 clean images each and twelve defects."""
    folder = tmp_path_factory.mktemp("planted")
    for split in SPLITS:
        for name in ("can", "jar"):
            (folder / split / name).mkdir(parents=True)
    for index in range(24):
        name, split = ("can", "jar")[index % 2], SPLITS[index // 2 % 3]
        scene(index).save(folder / split / name / f"clean{index}.jpg", quality=90)
    original = folder / "train/can/clean0.jpg"
    (folder / "test/jar/copy.jpg").write_bytes(original.read_bytes())
    whole_file = (folder / "train/can/clean6.jpg").read_bytes()
    (folder / "train/can/truncated.jpg").write_bytes(whole_file[: len(whole_file) // 2])
    (folder / "train/can/empty.jpg").write_bytes(b"")
    (folder / "train/can/text.jpg").write_text("no image")
    scene(100).save(folder / "train/can/really_png.jpg", "PNG")
    scene(2).transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(folder / "test/can/flipped.jpg")
    scene(7).transpose(Image.Transpose.ROTATE_90).save(folder / "train/jar/turned.jpg")
    scene(4).resize((64, 48)).save(folder / "train/can/resaved.jpg", quality=40)
    scene(9).point(lambda level: min(255, int(level * 1.2))).save(folder / "test/jar/brighter.jpg")
    scene(101, (8, 6)).save(folder / "train/can/tiny.png")
    scene(102, (200, 20)).save(folder / "train/can/strip.jpg")
    Image.new("RGB", (96, 72), (255, 255, 255)).save(folder / "train/jar/white.png")
    return folder


@pytest.fixture(scope="session")
def findings(planted):
    catalog = audit.read_catalog(planted, split_method="folders")
    return audit.audit(catalog, planted, duplicates.Thresholds())


def names(items):
    return {item["file"].rsplit("/", 1)[1] for item in items}


def test_unreadable_files_have_a_reason(findings):
    reasons = {item["file"].rsplit("/", 1)[1]: item["reason"] for item in findings["unreadable"]}
    assert set(reasons) == {"truncated.jpg", "empty.jpg", "text.jpg"}
    assert "truncated" in reasons["truncated.jpg"]
    assert "empty" in reasons["empty.jpg"]
    assert "not a JPEG" in reasons["text.jpg"]


def test_wrong_extensions(findings):
    (found,) = findings["wrong_extensions"]
    assert (found["file"], found["content"]) == ("train/can/really_png.jpg", "PNG")


def test_equal_files_across_classes_and_splits(findings):
    (found,) = findings["exact_duplicates"]
    assert names(found["files"]) == {"clean0.jpg", "copy.jpg"}
    assert found["across_classes"] and found["across_splits"]


def test_near_duplicates_are_found_and_no_others(findings):
    found = {frozenset(names(pair["files"])): pair for pair in findings["near_duplicates"]}
    assert set(found) == {
        frozenset(("clean2.jpg", "flipped.jpg")),
        frozenset(("clean7.jpg", "turned.jpg")),
        frozenset(("clean4.jpg", "resaved.jpg")),
        frozenset(("clean9.jpg", "brighter.jpg")),
    }
    assert found[frozenset(("clean2.jpg", "flipped.jpg"))]["orientation"] == (
        "mirrored left to right"
    )
    turned = found[frozenset(("clean7.jpg", "turned.jpg"))]
    assert turned["orientation"] in ("turned by 90° clockwise", "turned by 90° anticlockwise")
    for pair in found.values():
        assert pair["across_splits"] == (len({item["split"] for item in pair["files"]}) == 2)
        assert not pair["across_classes"]


def test_groups_hold_every_duplicate_once(findings):
    groups = findings["groups"]
    assert len(groups) == 5 and all(len(group) == 2 for group in groups)
    assert ["train/can/clean0.jpg", "test/jar/copy.jpg"] in groups


def test_outliers(findings):
    found = {name: names(items) for name, items in findings["outliers"].items()}
    assert found["size"] == {"tiny.png"}
    assert found["aspect"] == {"strip.jpg"}
    assert "white.png" in found["brightness"] and "white.png" in found["contrast"]
    assert not any(name.startswith("clean") for items in found.values() for name in items)


def test_summary_counts_the_lists(findings):
    assert findings["summary"] == {
        "files": 36, "unreadable": 3, "wrong_extensions": 1, "exact_duplicates": 1,
        "near_duplicates": 4, "duplicates_across_classes": 1, "duplicates_across_splits": 1 + sum(
            pair["across_splits"] for pair in findings["near_duplicates"]
        ), "groups": 5, "outliers": 3, "doubtful_labels": None,
    }  # fmt: skip
    counted = sum(sum(split.values()) for split in findings["counts"].values())
    assert counted == 36 and set(findings["counts"]) == set(SPLITS)


def test_a_mislabelled_image_is_found_and_a_copy_cannot_confirm_its_label(data_dir):
    wrong = data_dir / "red" / "wrong.png"
    wrong.write_bytes((data_dir / "blue" / "blue0.png").read_bytes())
    image = Image.open(wrong).copy()
    # Copies in the wrong class, too; outside of its fold, they would make it look right.
    for index in range(3):
        changed = image.resize((40 + index, 34))
        changed.save(data_dir / "red" / f"wrong_again{index}.png")

    def colours(catalog, split):
        paths, _ = catalog.examples(split)
        return np.array(
            [np.asarray(Image.open(data_dir / path)).mean((0, 1)) for path in paths], np.float32
        )

    found = audit.audit(single_split(scan(data_dir)), data_dir, duplicates.Thresholds(), colours)
    listed = found["doubtful_labels"]["found"]
    assert {item["file"] for item in listed} == {
        "red/wrong.png", *(f"red/wrong_again{index}.png" for index in range(3))
    }  # fmt: skip
    assert {item["suggestion"] for item in listed} == {"blue"}
    assert found["doubtful_labels"]["accuracy"] == pytest.approx(36 / 40)


def test_features_are_matched_to_their_images(planted):
    """Features that name their image: pairs found by them alone are the right ones."""

    def marked(catalog, split):
        paths, _ = catalog.examples(split)
        rows = np.eye(len(paths), dtype=np.float32)
        rows[paths.index("test/can/flipped.jpg")] = rows[paths.index("train/can/clean6.jpg")]
        rows[paths.index("train/can/clean12.jpg")] = rows[paths.index("train/jar/clean1.jpg")]
        return rows

    catalog = audit.read_catalog(planted, split_method="folders")
    least = duplicates.Thresholds(max_distance=0, min_similarity=0.99, min_correlation=0)
    found = audit.audit(catalog, planted, least, marked)["near_duplicates"]
    similar = {frozenset(names(pair["files"])) for pair in found if pair["feature_similarity"] > 0}
    assert similar == {
        frozenset(("flipped.jpg", "clean6.jpg")), frozenset(("clean12.jpg", "clean1.jpg"))
    }  # fmt: skip


def test_a_clean_folder_has_no_findings(tmp_path):
    for name in ("can", "jar"):
        (tmp_path / name).mkdir()
        for index in range(5):
            scene(f"{name}{index}".encode()[0] * 10 + index).save(tmp_path / name / f"{index}.png")
    summary = audit.audit(single_split(scan(tmp_path)), tmp_path, duplicates.Thresholds())[
        "summary"
    ]
    assert summary.pop("files") == 10 and summary.pop("doubtful_labels") is None
    assert set(summary.values()) == {0}


def test_files_that_a_run_left_out_are_audited(planted):
    catalog = Catalog(("can", "jar"), {"all": {"can": ("train/can/clean0.jpg",)}},
                      bad_files=("train/can/text.jpg",))  # fmt: skip
    (found,) = audit.audit(catalog, planted, duplicates.Thresholds())["unreadable"]
    assert (found["file"], found["class"], found["split"]) == ("train/can/text.jpg", "can", "none")


def test_a_missing_file_is_unreadable_with_its_reason(planted):
    catalog = Catalog(("can",), {"all": {"can": ("train/can/clean0.jpg", "train/can/gone.jpg")}})
    (found,) = audit.audit(catalog, planted, duplicates.Thresholds())["unreadable"]
    assert found["reason"] == "No such file or directory"


def test_the_catalog_of_a_run_brings_its_splits(planted, tmp_path):
    given = audit.read_catalog(planted, split_method="folders")
    given.save(tmp_path / "catalog.json")
    assert audit.read_catalog(planted, tmp_path / "catalog.json") == given
    with pytest.raises(ValueError, match="are not in"):
        audit.read_catalog(planted / "train", tmp_path / "catalog.json")


@pytest.mark.parametrize("package", ["imagehash", "cleanlab"])
def test_missing_packages_name_the_command(package, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ImportError, match=rf"{package}: pip install '\.\[audit\]'"):
        audit.require_packages(labels=True)
    if package == "cleanlab":
        audit.require_packages(labels=False)


def test_phone_images_with_two_frames_count_as_jpeg(tmp_path):
    (tmp_path / "can").mkdir()
    file = io.BytesIO()
    scene(1).save(file, "MPO", save_all=True, append_images=[scene(2)])
    (tmp_path / "can" / "phone.jpg").write_bytes(file.getvalue())
    found = audit.audit(single_split(scan(tmp_path)), tmp_path, duplicates.Thresholds())
    assert found["summary"]["files"] == 1 and not found["wrong_extensions"]
