import pytest

from trash_keras.data import places


@pytest.fixture
def here(tmp_path, monkeypatch):
    for name in ("home", "web", "shop/photos", "other/photos", "with,comma", "a=b"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "link").symlink_to("home")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("home", {"": "home"}),
        ("with,comma", {"": "with,comma"}),  # a folder that is there is one folder
        ("home,web/", {"home": "home", "web": "web/"}),
        (" home , web ", {"home": "home", "web": "web"}),
        ("a=b,web", {"a=b": "a=b", "web": "web"}),
        ("mine=home,web", {"mine": "home", "web": "web"}),
        ("shop=shop/photos,other=other/photos", {"shop": "shop/photos", "other": "other/photos"}),
        ("./shop/../home,shop/photos", {"home": "./shop/../home", "photos": "shop/photos"}),
        ("gs://bucket/images,tfds:beans/x:1.0.0@/d", {"images": "gs://bucket/images",
                                                      "beans": "tfds:beans/x:1.0.0@/d"}),
        ("peas=tfds:beans,gone/x", {"peas": "tfds:beans", "x": "gone/x"}),
    ],
)  # fmt: skip
def test_sources_have_names(here, written, meant):
    assert places.addresses(written) == meant


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("home,", "has an empty entry between its commas. Received: home,"),
        ("home,,web", "has an empty entry"),
        ("home,home", "names a source twice: home and home"),
        ("home,./home/", "names a source twice"),
        ("home,again=link", "names a source twice: home and link"),
        ("shop,shop/photos", "one lies in another one: shop and shop/photos"),
        (
            "shop/photos,other/photos",
            "Two .* are called photos: .*first=shop/photos,second",
        ),
        ("home,Home=web", "Two sources .* are called Home"),
        ("home,.x=web", 'without a dot at its beginning. Received: ".x"'),
        ("home,a\x07b=web", "visible text"),
    ],
)
def test_sources_that_cannot_be_told_apart(here, written, message):
    with pytest.raises(ValueError, match=message):
        places.addresses(written)


def test_images_are_found_where_they_lie(here):
    assert str(places.locate("home", "can/a.jpg")) == "home/can/a.jpg"
    assert str(places.locate("mine=home,web", "mine/can/a.jpg")) == "home/can/a.jpg"
    one = places.identities("link", ["can/a.jpg"])
    several = places.identities("web,mine=home", ["mine/can/a.jpg", "web/can/a.jpg"])
    assert one == {f"{here}/home/can/a.jpg": "can/a.jpg"}
    assert one.keys() & several.keys() == one.keys()
