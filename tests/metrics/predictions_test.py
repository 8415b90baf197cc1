import numpy as np
import pytest

from trash_keras.metrics.predictions import Predictions


def test_what_is_saved_is_read_again(tmp_path):
    rows = np.random.default_rng(0).dirichlet([1, 1, 1], 5)
    saved = Predictions(("a", "b, c", "d"), list("vwxyz"), np.array([0, 1, 2, 1, 0]), rows)
    saved.save(tmp_path / "new" / "test.csv")
    loaded = Predictions.load(tmp_path / "new" / "test.csv")
    assert loaded.class_names == saved.class_names and loaded.paths == saved.paths
    np.testing.assert_array_equal(loaded.labels, saved.labels)
    np.testing.assert_allclose(loaded.probabilities, rows, rtol=1e-7)
    text = (tmp_path / "new" / "test.csv").read_text()
    assert text.splitlines()[0] == 'file,truth,prediction,a,"b, c",d'


@pytest.mark.parametrize("text", ["", "a,b,c,d\n1,2,3,4\n", "file,truth,prediction,a\n",
                                  "file,truth,prediction,a\nx,b,a,1\n"])  # fmt: skip
def test_other_files_are_refused(tmp_path, text):
    (tmp_path / "x.csv").write_text(text)
    with pytest.raises(ValueError, match="No usable predictions at"):
        Predictions.load(tmp_path / "x.csv")


def test_some_predictions_in_an_order_of_their_own(predicted):
    found = predicted(("a", "b"), np.array([[2, 1], [0, 3]]))
    chosen = [found.paths[4], found.paths[0]]
    some = found.only(chosen)
    assert list(some.paths) == chosen and list(some.labels) == [1, 0]
    np.testing.assert_array_equal(some.probabilities, found.probabilities[[4, 0]])
