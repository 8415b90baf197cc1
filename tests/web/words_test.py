"""What the page says of probabilities, against `predict`."""

import threading

import pytest

from tests.support import words
from trash_keras import pretrained
from trash_keras.serving.web_demo import Server, Site

pytestmark = pytest.mark.slow
SCRIPT = """
const [cases, done] = arguments;
import("/prediction.js").then(({ Prediction }) => done(cases.map(([threshold, row]) => {
  const class_names = row.map((_, index) => `class${index}`);
  const found = new Prediction(row, { class_names, threshold, set_threshold: null });
  return [found.label, found.candidates.map(({ name }) => name), found.words, found.headline];
})));
"""


def test_words_are_those_of_predict(make_browser, tmp_path):
    browser = make_browser()
    with Server(Site(pretrained.path(), tmp_path)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        browser.get(f"{server.address}style.css")  # a page that loads nothing
        said = browser.execute_async_script(SCRIPT, words.cases())
        server.shutdown()
    for case, (label, candidates, text, headline) in zip(words.cases(), said, strict=True):
        expected = words.predict(*case)
        assert (label, text) == (expected.label, expected.words)
        assert candidates == [name for name, _ in expected.candidates]
        assert words.without_shares(text).removesuffix(", not sure") == headline
    assert len({words.without_shares(text) for _, _, text, _ in said}) > 10
