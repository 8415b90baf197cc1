import json

import pytest

from trash_keras.data import equal_images, multi_source
from trash_keras.data.catalog import SPLITS, Catalog
from trash_keras.data.multi_source import Source, open_sources, split, whole

HOME, WEB = {"can": 20, "jar": 12}, {"can": 10, "tin": 6, "sofa": 4}
MAP = {"can": "can", "tin": "can", "sofa": None}


@pytest.fixture
def two(tmp_path, make):
    """Two folders, and a label map of the second: (--data_dir, --label_map)."""
    make(tmp_path / "home", HOME)
    make(tmp_path / "web", WEB)
    (tmp_path / "map.json").write_text(json.dumps(MAP))
    return f"{tmp_path}/home,{tmp_path}/web", f",{tmp_path}/map.json"


@pytest.mark.parametrize("method", ["stratified", "grouped"])
def test_each_class_of_each_source_is_divided_by_itself(two, method):
    catalog = split(open_sources(*two), method, seed=1)
    assert catalog.class_names == ("can", "jar") and catalog.sources == ("home", "web")
    counts = {name: {stratum: len(paths) for stratum, paths in catalog.strata(name).items()}
              for name in SPLITS}  # fmt: skip
    assert counts["valid"] == {"home/can": 3, "web/can": 2, "home/jar": 2}
    assert counts["test"] == {"home/can": 3, "web/can": 3, "home/jar": 2}
    assert len(catalog.paths()) == 20 + 12 + 16  # without the sofas
    assert set(catalog.source_of().values()) == {"home", "web"}
    assert "web/tin/tin0.jpg" in catalog.files_by_class()["can"]


def test_groups_across_sources_stay_together(two):
    sources = open_sources(*two)
    group = ("home/can/can0.jpg", "home/jar/jar3.jpg", "web/tin/tin1.jpg")
    for seed in range(5):
        catalog = split(sources, "grouped", seed, groups=[group])
        place = {path: name for name in SPLITS for path in catalog.examples(name)[0]}
        assert len({place[path] for path in group}) == 1


def test_a_catalog_keeps_its_sources(two, tmp_path):
    catalog = split(open_sources(*two), "stratified")
    catalog.save(tmp_path / "catalog.json")
    assert Catalog.load(tmp_path / "catalog.json") == catalog
    some = catalog.first(5).stratified_sample("train", 4)
    assert some.sources == catalog.sources and len(some.paths()) == 4
    assert catalog.without(["web/tin/tin0.jpg"]).source_of()["web/can/can0.jpg"] == "web"


def test_images_of_a_source_have_the_order_of_its_reader(two):
    catalog = split(open_sources(*two), "stratified")
    alone = [path for path in catalog.examples("train")[0] if path.startswith("home/")]
    one = Catalog(("x",), {"all": {"x": tuple(path[len("home/") :] for path in alone)}})
    assert one.examples("all")[0] == [path[len("home/") :] for path in alone]


def test_split_folders_of_each_source(tmp_path, make, capsys):
    for name in ("train", "test"):
        make(tmp_path / "home" / name, {"can": 20, "jar": 10})
        make(tmp_path / "web" / name, {"can": 10})  # one class, which the other has, too
    sources = open_sources(f"{tmp_path}/home,{tmp_path}/web")
    catalog = split(sources, "folders")
    assert catalog.counts()["test"] == {"can": 30, "jar": 10}
    assert {len(files) for files in catalog.strata("valid").values()} == {3, 1}
    make(tmp_path / "web" / "sofa", {"x": 3})
    assert len(multi_source.usable(sources, "folders")["can"]) == 60
    make(tmp_path / "shop", WEB)
    with pytest.raises(ValueError, match="home: The data folder holds train and test instead"):
        split(sources, "stratified")
    with pytest.raises(ValueError, match=r"needs one folder train .*/shop\. Found: can, sofa, tin"):
        split(open_sources(f"{tmp_path}/home,{tmp_path}/shop"), "folders")


def test_the_official_split_and_a_drawn_one_beside_it(tiny_trashnet, tmp_path, make, capsys):
    make(tmp_path / "web", {"glass": 10, "paper": 20})
    catalog = split(open_sources(f"{tiny_trashnet},{tmp_path}/web"), "official")
    told = capsys.readouterr().out
    assert "Source web has no official split and is divided as by --split_method=strat" in told
    counts = {name: sum(counts.values()) for name, counts in catalog.counts().items()}
    assert counts == {"train": 1768 + 21, "valid": 328 + 4, "test": 431 + 5}
    make(tmp_path / "shop", {"glass": 10, "paper": 20})
    with pytest.raises(ValueError, match="which is not in the data folder"):
        split(open_sources(f"{tmp_path}/web,{tmp_path}/shop"), "official")


def test_equal_images_are_found_across_sources_alone(two, capsys):
    catalog = whole(open_sources(*two))[0]
    digests = {path: path for path in catalog.paths()}
    for path in ("home/can/can1.jpg", "web/can/can2.jpg"):
        digests[path] = "equal"
    digests["home/jar/jar1.jpg"] = digests["home/jar/jar2.jpg"]
    found = equal_images.find(catalog, digests)
    assert found == [("home/can/can1.jpg", "web/can/can2.jpg")]
    told = capsys.readouterr().out
    assert "kept together: 1 image, home/can/can1.jpg = web/can/can2.jpg for one" in told
    digests["home/jar/jar5.jpg"] = "equal"
    equal_images.find(catalog, digests)
    assert "1 of them of two classes" in capsys.readouterr().out
    assert equal_images.joined_groups(found, [("home/jar/jar1.jpg", "home/can/can1.jpg")]) == [
        ("home/can/can1.jpg", "home/jar/jar1.jpg", "web/can/can2.jpg")
    ]


def test_a_given_split_that_tears_equal_images_is_refused(tmp_path, make):
    for name in ("home", "web"):
        for part in ("train", "test"):
            make(tmp_path / name / part, {"can": 9, "jar": 9})
    sources = open_sources(f"{tmp_path}/home,{tmp_path}/web")
    torn = ("home/train/can/can1.jpg", "web/test/can/can2.jpg")
    where = {path: name for name in SPLITS
             for path in split(sources, "folders").examples(name)[0]}  # fmt: skip
    with pytest.raises(ValueError, match=r"in two sources and in two splits: home.* and web"):
        split(sources, "folders", groups=[torn])
    # A source that is called like a split is none.
    renamed = open_sources(f"train={tmp_path}/home/test,test={tmp_path}/web/test")
    assert split(renamed, "stratified").counts()["train"] == {"can": 12, "jar": 12}
    kept = [path for path in where if where[path] == "test"][:2]
    assert split(sources, "folders", groups=[tuple(kept)]) == split(sources, "folders")


def test_a_label_map_for_one_source(two, tmp_path, make):
    web = two[0].split(",")[1]
    sources = open_sources(web, str(tmp_path / "map.json"))
    assert [source.name for source in sources] == [""]
    (tmp_path / "map.json").write_text(json.dumps({"can": "metal", "tin": "metal", "sofa": "wood"}))
    catalog = split(open_sources(web, str(tmp_path / "map.json")), "stratified")
    assert catalog.class_names == ("metal", "wood") and catalog.sources == ()
    assert "tin/tin0.jpg" in catalog.files_by_class()["metal"]


@pytest.mark.parametrize(
    ("label_map", "message"),
    [
        ("gone.json", "must have an entry for each of the 2 sources .* Received 1: gone.json"),
        (",gone.json,", "Received 3"),
        (",gone.json", "No usable label map at gone.json"),
        ("bad.json,", "home: The label map lacks classes of the data: jar"),
        (",nothing.json", "web: The label map leaves out every class"),
        (",case.json", '"Can" and "can" differ only by case'),
    ],
)
def test_label_maps_that_do_not_fit(two, tmp_path, monkeypatch, label_map, message):
    monkeypatch.chdir(tmp_path)
    texts = {"bad": {"can": "can"}, "nothing": dict.fromkeys(WEB), "case": {**MAP, "tin": "Can"}}
    for name, value in texts.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(value))
    with pytest.raises(ValueError, match=message):
        split(open_sources(two[0], label_map), "stratified")


@pytest.mark.parametrize(
    ("web", "message"),
    [
        ({}, "web has no images"),
        ({"can": 2}, "Class web/can needs at least 3 images.* Received: 2"),
        ({"unsure": 5}, 'No class may be called "unsure"'),
    ],
)
def test_sources_that_do_not_fit(tmp_path, make, web, message):
    make(tmp_path / "home", HOME)
    make(tmp_path / "web", web).mkdir(exist_ok=True)
    with pytest.raises(ValueError, match=message):
        split(open_sources(f"{tmp_path}/home,{tmp_path}/web"), "stratified")
    with pytest.raises(ValueError, match="is for trash-keras cross_validate"):
        split([Source("", str(tmp_path / "home"))], "leave_one_source_out")
