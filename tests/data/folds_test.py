import pytest

from trash_keras.data.catalog import SPLITS
from trash_keras.data.folds import make_folds

FILES = {
    name: tuple(f"{name}/{index}.jpg" for index in range(count))
    for name, count in {"a": 103, "b": 41, "c": 7}.items()
}
GROUPS = [("a/0.jpg", "b/0.jpg"), ("a/1.jpg", "a/2.jpg", "a/3.jpg"), ("b/4.jpg", "c/0.jpg")]


@pytest.fixture(params=[(), GROUPS], ids=["stratified", "grouped"])
def groups(request):
    return request.param


def test_every_image_is_scored_once_and_by_a_model_that_never_saw_it(groups):
    catalogs = make_folds(FILES, 5, 0, groups)
    scored = [path for catalog in catalogs for path in catalog.examples("test")[0]]
    everything = sorted(path for paths in FILES.values() for path in paths)
    assert sorted(scored) == everything
    for catalog in catalogs:
        parts = [set(catalog.examples(split)[0]) for split in SPLITS]
        assert not (parts[0] & parts[1] or parts[0] & parts[2] or parts[1] & parts[2])
        assert sorted(set.union(*parts)) == everything
        assert catalog.class_names == ("a", "b", "c")


def test_folds_are_balanced_and_validation_has_13_percent_of_all(groups):
    catalogs = make_folds(FILES, 5, 3, groups)
    counts = [catalog.counts() for catalog in catalogs]
    for name, paths in FILES.items():
        tested = [count["test"][name] for count in counts]
        assert max(tested) - min(tested) <= 1 and sum(tested) == len(paths)
    totals = [sum(count["test"].values()) for count in counts]
    assert sorted(totals) == [30, 30, 30, 30, 31]
    assert all(count["valid"] == {"a": 13, "b": 5, "c": 1} for count in counts)
    # Each fold has a validation part of its own, as far as the scored fold leaves room.
    assert len({catalog.splits["valid"]["a"] for catalog in catalogs}) == 5


def test_groups_are_never_split():
    for seed in range(10):
        for catalog in make_folds(FILES, 4, seed, GROUPS):
            place = {path: split for split in SPLITS for path in catalog.examples(split)[0]}
            assert all(len({place[path] for path in group}) == 1 for group in GROUPS)


def test_folds_follow_from_the_seed_alone(groups):
    catalogs = make_folds(FILES, 3, 1, groups)
    turned = {name: paths[::-1] for name, paths in FILES.items()}
    assert make_folds(turned, 3, 1, groups[::-1]) == catalogs
    assert make_folds(FILES, 3, 2, groups) != catalogs
    if not groups:  # recorded, so that another machine that divides otherwise is noticed
        assert catalogs[0].splits["test"]["c"] == ("c/2.jpg", "c/3.jpg", "c/6.jpg")


def test_classes_that_are_too_small_are_refused():
    with pytest.raises(ValueError, match=r"c needs .* each of the 8 folds\. Received: 7"):
        make_folds(FILES, 8, 0)
    with pytest.raises(ValueError, match="Class d has no image in split train"):
        make_folds({**FILES, "d": ("d/1.jpg", "d/2.jpg")}, 2, 0)
    alike = [FILES["c"]]
    with pytest.raises(ValueError, match=r"Class c has no image .* near-duplicates are kept"):
        make_folds(FILES, 2, 0, alike)
