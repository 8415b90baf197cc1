"""Coverage-guided fuzzing: what it starts from."""

from tests.fuzzing import guided
from tests.support import fuzzing


def test_it_starts_from_valid_inputs_and_from_what_once_broke(tmp_path, monkeypatch):
    monkeypatch.setattr(guided, "FOLDER", tmp_path)
    kept = {path.read_bytes() for path in guided.seeds(fuzzing, "groups").iterdir()}
    broke = {path.read_bytes() for path in fuzzing.CORPUS.glob("groups.*")}
    assert broke and kept == {*fuzzing.originals("groups"), *broke}
