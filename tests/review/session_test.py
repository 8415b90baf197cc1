"""Answers as folders: saved at once, taken back, and gone on with by the next start."""

import shutil

import pytest

from trash_keras.data.catalog import scan
from trash_keras.data.class_names import ClassNameError
from trash_keras.review import folders, pool


def files(folder, where):
    return sorted(path.name.rsplit("-", 1)[0] for path in (folder / where).glob("*"))


def current(state):
    return state["images"][0]["id"]


def answers(review, *names):
    for name in names:
        state = review.answer(current(review.state()), name)
    return state


def test_unsure_images_come_first_and_near_duplicates_late(start):
    review = start()
    order = []
    while images := review.state()["images"]:
        order.append(images[0]["file"].removesuffix(".png"))
        review.skip(images[0]["id"])
    assert order[-2] == "red" and order[-1].startswith("violet")  # sure, and more of the same
    assert review.again()["images"][0]["words"].endswith("?")


def test_answers_become_class_folders_that_training_takes(start, folder):
    review = start()
    before = {path: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    state = answers(review, "red", "blue", None, "wood")
    assert (state["named"], state["none"], state["total"]) == (4, 1, 5)
    assert [(each["name"], each["images"]) for each in state["classes"]] == [
        ("blue", 1), ("green", 0), ("red", 1), ("wood", 1),
    ]  # fmt: skip
    assert list(scan(folder / "named")) == ["blue", "red", "wood"]
    assert len(files(folder, "none_of_these")) == 1
    assert {path: path.read_bytes() for path in before} == before  # originals stay


def test_the_next_start_goes_on(start, folder):
    answers(start(), "red", None)
    again = start()
    assert (again.state()["named"], len(again.state()["images"])) == (2, 2)
    state = answers(again, "wood", "blue", "red")
    assert state["images"] == [] and state["named"] == 5
    assert start().state()["images"] == []


def test_undo_takes_back_answers_of_earlier_starts_too(start, folder):
    review = start()
    first = current(review.state())
    answers(review, "wood", None)
    state = start().undo()
    assert files(folder, "none_of_these") == [] and state["last"]["class"] == "wood"
    later = start()
    state = later.undo()
    assert current(state) == first and state["last"] is None
    assert not (folder / "named" / "wood").exists()
    with pytest.raises(ValueError, match="nothing to undo"):
        later.undo()


def test_undo_removes_no_image_that_was_put_there_by_hand(start, folder):
    by_hand = folder / "named" / "red" / "mine.png"
    by_hand.parent.mkdir(parents=True)
    shutil.move(folder / "red.png", by_hand)
    review = start()
    assert review.state()["named"] == 0 and review.state()["total"] == 4
    with pytest.raises(ValueError, match="nothing to undo"):
        review.undo()
    assert by_hand.exists()


def test_an_image_is_named_when_it_lies_in_a_class_folder(start, folder):
    (folder / "named" / "wood").mkdir(parents=True)
    shutil.copy(folder / "teal.png", folder / "named" / "wood" / "any name.png")
    state = start().state()
    assert (state["named"], state["last"]["class"]) == (1, "wood")
    assert "wood" in [each["name"] for each in state["classes"]]


def test_skipped_images_come_again(start):
    review = start()
    first = current(review.state())
    review.skip(first)
    state = answers(review, "red", "red", "red", "red")
    assert (state["images"], state["skipped"], state["named"]) == ([], 1, 4)
    assert current(review.again()) == first
    assert current(start().state()) == first


def test_equal_files_are_one_image(start, folder):
    (folder / "more").mkdir()
    shutil.copy(folder / "red.png", folder / "more" / "same.png")
    assert start().state()["total"] == 5


def test_an_image_that_is_gone_or_changed_is_passed_over(start, folder):
    review = start()
    gone, changed = (image.path for image in list(review._waiting.values())[:2])
    gone.unlink()
    with pytest.raises(ValueError, match=r"cannot be read: No such file .* passed over"):
        answers(review, "red")
    shutil.copy(folder / "red.png", changed)
    with pytest.raises(ValueError, match="has changed since the review began"):
        answers(review, "red")
    assert review.state()["total"] == 3 and not (folder / "named").exists()


def test_one_image_cannot_be_named_twice(start):
    review = start()
    first = current(review.state())
    review.answer(first, "red")
    with pytest.raises(ValueError, match="named already"):
        review.answer(first, "blue")


def test_an_answer_that_cannot_be_saved_leaves_the_image_to_name(start, folder, monkeypatch):
    review = start()
    first = current(review.state())

    def full(*arguments):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("os.replace", full)
        with pytest.raises(OSError, match="No space left"):
            review.answer(first, "red")
    assert current(review.state()) == first
    assert review.answer(first, "red")["named"] == 1


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("unsure", "No class may be called"), ("a/b", "visible text"), ("..", "dot at its end"),
        (".git", "passed over"), ("a\\b", "becomes a folder"), ("a\nb", "visible text"),
        ("", "visible text"), ("test", "a split"), ("x" * 81, "at most 80"), ("a.", "dot at its"),
        ("\u202eab", "visible text"), ("lost+found", "passed over"), ("a:b", "becomes a folder"),
    ],
)  # fmt: skip
def test_new_classes_have_names_that_folders_can_have(start, folder, name, message):
    review = start()
    with pytest.raises(ClassNameError, match=message):
        answers(review, name)
    assert not (folder / "named").exists() and review.state()["total"] == 5


@pytest.mark.parametrize(("typed", "name"), [("RED", "red"), (" wood ", "wood"), ("e\u0301", "é")])
def test_spellings_of_one_name_are_one_class(start, typed, name):
    assert answers(start(), typed)["last"]["class"] == name


@pytest.mark.parametrize("name", ["..", "../../up", ".hidden", "a/b"])
def test_a_class_of_a_model_cannot_leave_the_folder(folder, name):
    path = folder / "red.png"
    with pytest.raises(ClassNameError, match="No folder can be called"):
        folders.Folders(folder).put(path, folders.digest(path), name)
    assert list(folder.parent.iterdir()) == [folder]


def test_files_that_are_no_images_are_told_and_stop_nothing(folder, model):
    (folder / "broken.jpg").write_bytes(b"text")
    found = pool.find(folders.Folders(folder), model)
    assert len(found.waiting) == 5
    assert list(found.unreadable) == ["broken.jpg"]
    assert found.unreadable["broken.jpg"].startswith("not a JPEG")


def test_a_folder_without_images_is_refused(tmp_path, model):
    with pytest.raises(ValueError, match="has no images"):
        pool.find(folders.Folders(tmp_path), model)
    (tmp_path / "broken.jpg").write_bytes(b"text")
    with pytest.raises(ValueError, match=r"None of the images .* broken\.jpg: not a JPEG"):
        pool.find(folders.Folders(tmp_path), model)
    with pytest.raises(ValueError, match=r"There is no folder .*nowhere"):
        folders.Folders(tmp_path / "nowhere")


def test_two_reviews_of_a_folder_are_one_too_many(folder):
    first, second = folders.Folders(folder), folders.Folders(folder)
    with first.alone(), pytest.raises(ValueError, match="another process"), second.alone():
        raise AssertionError
    with second.alone():  # free again
        pass


def test_a_model_without_features_orders_by_its_probabilities(folder, model):
    bare = pool.Model(model.predictor, None)
    found = pool.find(folders.Folders(folder), bare)
    assert len(found.waiting) == 5 and found.waiting[-2].name == "red.png"
