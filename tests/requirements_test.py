import configparser
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_inference_alone_asks_for_the_same_ranges_as_training():
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    whole = {line.split(" #")[0] for line in lines if not line.startswith("#")}
    config = configparser.ConfigParser(interpolation=None)
    config.read(ROOT / "setup.cfg")
    base = config["options"]["install_requires"].split()
    assert {"numpy", "pillow"} <= {one.split(">")[0] for one in base}
    assert {*base, *config["options.extras_require"]["runtime"].split()} <= whole
