import pytest

from trash_keras.data.catalog import SPLITS, WHOLE, Catalog, single_split
from trash_keras.data.folds import leave_one_source_out, make_folds

FILES = {
    name: tuple(f"{name}/{index}.jpg" for index in range(count))
    for name, count in {"a": 103, "b": 41, "c": 7}.items()
}
GROUPS = [("a/0.jpg", "b/0.jpg"), ("a/1.jpg", "a/2.jpg", "a/3.jpg"), ("b/4.jpg", "c/0.jpg")]


@pytest.fixture(params=[(), GROUPS], ids=["stratified", "grouped"])
def groups(request):
    return request.param


def test_every_image_is_scored_once_and_by_a_model_that_never_saw_it(groups):
    catalogs = make_folds(single_split(FILES), 5, 0, groups)
    scored = [path for catalog in catalogs for path in catalog.examples("test")[0]]
    everything = sorted(path for paths in FILES.values() for path in paths)
    assert sorted(scored) == everything
    for catalog in catalogs:
        parts = [set(catalog.examples(split)[0]) for split in SPLITS]
        assert not (parts[0] & parts[1] or parts[0] & parts[2] or parts[1] & parts[2])
        assert sorted(set.union(*parts)) == everything
        assert catalog.class_names == ("a", "b", "c")


def test_folds_are_balanced_and_validation_has_13_percent_of_all(groups):
    catalogs = make_folds(single_split(FILES), 5, 3, groups)
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
        for catalog in make_folds(single_split(FILES), 4, seed, GROUPS):
            place = {path: split for split in SPLITS for path in catalog.examples(split)[0]}
            assert all(len({place[path] for path in group}) == 1 for group in GROUPS)


def test_folds_follow_from_the_seed_alone(groups):
    catalogs = make_folds(single_split(FILES), 3, 1, groups)
    turned = {name: paths[::-1] for name, paths in FILES.items()}
    assert make_folds(single_split(turned), 3, 1, groups[::-1]) == catalogs
    assert make_folds(single_split(FILES), 3, 2, groups) != catalogs
    if not groups:  # recorded, so that another machine that divides otherwise is noticed
        assert catalogs[0].splits["test"]["c"] == ("c/2.jpg", "c/3.jpg", "c/6.jpg")


def test_classes_that_are_too_small_are_refused():
    with pytest.raises(ValueError, match=r"c needs .* each of the 8 folds\. Received: 7"):
        make_folds(single_split(FILES), 8, 0)
    with pytest.raises(ValueError, match="Class d has no image in split train"):
        make_folds(single_split({**FILES, "d": ("d/1.jpg", "d/2.jpg")}), 2, 0)
    alike = [FILES["c"]]
    with pytest.raises(ValueError, match=r"Class c has no image .* near-duplicates are kept"):
        make_folds(single_split(FILES), 2, 0, alike)


def several(counts):
    """A catalog of sources: {"home/a": 20} are 20 images of class a in the source home."""
    names = sorted({stratum.split("/")[1] for stratum in counts})
    files = {
        name: tuple(
            f"{stratum.split('/')[0]}/{name}/{index}.jpg"
            for stratum, count in counts.items()
            if stratum.endswith(f"/{name}")
            for index in range(count)
        )
        for name in names
    }
    sources = tuple(dict.fromkeys(stratum.split("/")[0] for stratum in counts))
    return Catalog(tuple(names), {WHOLE: files}, sources=sources)


COUNTS = {"home/a": 40, "home/b": 30, "home/c": 20, "web/a": 10, "web/b": 6, "shop/b": 8}


def test_folds_are_balanced_within_each_source():
    everything = several(COUNTS)
    for catalog in make_folds(everything, 3, 0):
        assert catalog.sources == ("home", "web", "shop")
        tested = {name: len(paths) for name, paths in catalog.strata("test").items()}
        for stratum, count in COUNTS.items():
            assert abs(tested[stratum] - count / 3) <= 1


def test_each_source_is_scored_by_a_model_of_the_others():
    everything = several(COUNTS)
    for seed in (0, 1):
        folds = leave_one_source_out(everything, seed)
        tested = [{path.split("/")[0] for path in fold.examples("test")[0]} for fold in folds]
        assert tested == [{"home"}, {"web"}, {"shop"}]
        for fold, source in zip(folds, everything.sources, strict=True):
            learned = [*fold.examples("train")[0], *fold.examples("valid")[0]]
            assert source not in {fold.source_of()[path] for path in learned}
            assert fold.class_names == ("a", "b", "c") and list(fold.splits) == [*SPLITS]
        # No other source has c, so no model could know it.
        assert folds[0].counts()["test"] == {"a": 40, "b": 30, "c": 0}
        # 13% of each class of each other source.
        assert folds[1].counts()["valid"] == {"a": 5, "b": 5, "c": 3}
    assert leave_one_source_out(everything, 1) == folds
    assert leave_one_source_out(everything, 2)[0].splits["valid"] != folds[0].splits["valid"]


def test_images_that_are_also_in_the_scored_source_are_not_learned():
    everything = several(COUNTS)
    twins = ("home/a/0.jpg", "home/a/1.jpg", "web/a/0.jpg")
    home, web, shop = leave_one_source_out(everything, 0, [twins])
    assert "web/a/0.jpg" not in home.paths() and set(twins[:2]) <= {*home.examples("test")[0]}
    assert not set(twins[:2]) & {*web.paths()}
    place = {path: split for split in SPLITS for path in shop.examples(split)[0]}
    assert len({place[path] for path in twins}) == 1


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ({"home/a": 9, "home/b": 9}, "needs several"),
        ({"home/a": 9, "home/b": 9, "web/a": 9}, r"Without home there are images of a, and home"),
        ({"home/a": 9, "home/b": 9, "web/c": 9}, r"Without home there are images of c, and home"),
        ({"home/a": 9, "home/b": 9, "web/a": 1, "web/b": 1}, "too few images .* for validation"),
    ],
)
def test_sources_that_cannot_be_left_out(counts, message):
    with pytest.raises(ValueError, match=message):
        leave_one_source_out(several(counts), 0)
