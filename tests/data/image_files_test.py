import fsspec
import pytest

from trash_keras.data import image_files
from trash_keras.predictor import Predictor
from trash_keras.storage import remote


@pytest.fixture
def bucket(trained):
    """The red and blue images in an object store (fsspec's in memory)."""
    _, data, _ = trained
    for path in [*(data / "red").iterdir(), *(data / "blue").iterdir()]:
        filesystem, target = remote.open_filesystem(
            f"memory://bucket/{path.parent.name}/{path.name}"
        )
        filesystem.pipe_file(target, path.read_bytes())
    remote.write_text("memory://bucket/red/notes.txt", "no image")
    yield "memory://bucket"
    fsspec.filesystem("memory").store.clear()


def test_files_folders_addresses_and_lists_are_named_in_order(trained, bucket, tmp_path):
    _, data, _ = trained
    names = tmp_path / "names.txt"
    names.write_text("b.jpg\n\n with space.png\r\n", newline="")
    found = list(
        image_files.iter_image_files([str(data / "red"), "a.jpg", f"{bucket}/red"], str(names))
    )
    assert len(found) == 12 + 1 + 12 + 2
    assert found[:12] == sorted(map(str, (data / "red").iterdir()))
    assert found[12] == "a.jpg" and found[13] == "memory:///bucket/red/red0.png"
    assert found[-2:] == ["b.jpg", " with space.png"]


def test_a_name_that_is_not_utf8_survives_the_list(tmp_path):
    (tmp_path / "names.txt").write_bytes(b"\xff.jpg\n")
    assert list(image_files.iter_image_files([], str(tmp_path / "names.txt"))) == ["\udcff.jpg"]


def test_images_in_an_object_store_get_the_predictions_of_local_ones(trained, bucket):
    workdir, data, _ = trained
    predictor = Predictor.load(workdir / "model.keras")
    local = [data / "red/red1.png", data / "blue/blue0.png", data / "red/red2.png"]
    there = [f"{bucket}/{path.parent.name}/{path.name}" for path in local]
    mixed = [there[0], str(local[1]), there[2], f"{bucket}/gone.png", f"{bucket}/red/notes.txt"]
    predictions = list(predictor.predict_stream(mixed, 2))
    assert [prediction.file for prediction in predictions] == mixed
    expected = list(predictor.predict_stream(map(str, local), 2))
    assert [one.probabilities for one in predictions[:3]] == [one.probabilities for one in expected]
    failed = [bool(prediction.error) for prediction in predictions]
    assert failed == [False, False, False, True, True]


def test_images_are_taken_a_batch_at_a_time(trained):
    workdir, data, _ = trained
    taken = []

    def paths():
        for index in range(12):
            taken.append(index)
            yield str(data / "red" / f"red{index}.png")

    predictions = Predictor.load(workdir / "model.keras").predict_stream(paths(), 4)
    next(predictions)
    assert len(taken) == 4
    assert len(list(predictions)) == 11 and len(taken) == 12


def test_an_object_store_that_is_down_is_no_bad_image(trained, bucket, monkeypatch):
    workdir, _, _ = trained

    class DownError(Exception):
        pass

    def cat_file(*_, **__):
        raise DownError("no route")

    monkeypatch.setattr(type(fsspec.filesystem("memory")), "cat_file", cat_file)
    with pytest.raises(OSError, match=r"red0\.png cannot be fetched: no route"):
        Predictor.load(workdir / "model.keras").predict([f"{bucket}/red/red0.png"])


@pytest.mark.parametrize("place", ["images", "images/new/maps", "link/maps"])
def test_drawings_may_not_be_written_among_the_images(tmp_path, place):
    (tmp_path / "images").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "images")
    paths = ["gs://bucket/images", str(tmp_path / "images")]
    with pytest.raises(ValueError, match=r"lies in .*images, so what is written there"):
        image_files.require_outside("explain", str(tmp_path / place), paths)


def test_drawings_may_be_written_elsewhere_on_this_machine(tmp_path):
    paths = [str(tmp_path / "images"), str(tmp_path / "images-more" / "a.jpg")]
    image_files.require_outside("explain", str(tmp_path / "images-more"), paths)
    with pytest.raises(ValueError, match="a folder on this machine"):
        image_files.require_outside("explain", "gs://bucket/maps", paths)
