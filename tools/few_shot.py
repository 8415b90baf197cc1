"""Measures `trash-keras adapt`: accuracy over labelled images a class, there and at home.

python -m tools.few_shot --workdir=RUN --home_dir=TRASHNET --data_dir=PHOTOS --prefixes=m_,c_

Images of PHOTOS whose file names begin with a prefix are a place of its own. For each place and
number, random images of each class adapt the model of RUN, and the rest of the place is scored;
home is the test split of RUN. Prints a table; with --output=FILE also writes its numbers.

With --order=badge or random it measures the order of `trash-keras review` instead: of half the
place, so many images in all are named in that order, and the other half is scored.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from absl import flags
from scipy.special import softmax

from trash_keras.cli import launch
from trash_keras.cli.flags import reject_positional_arguments
from trash_keras.reporting import markdown
from trash_keras.training.adapt_options import AdaptOptions

if TYPE_CHECKING:
    from trash_keras.training.adapt_source import Home
    from trash_keras.training.head_refit import Head, Prior
    from trash_keras.training.kept_features import KeptFeatures

# Of the table, after place and images a class; shares.
FIGURES = {
    "before": "before",
    "after": "after",
    "estimate": "cross-validated estimate",
    "home_before": "home before",
    "home_after": "home after",
}


@dataclasses.dataclass(frozen=True, eq=False)
class Images:
    """Features of labelled images.

    Attributes:
        files: Their paths, N of them.
        features: float32 [N, channels].
        labels: int [N].
        probabilities: float [N, classes], by the model before.
    """

    files: Sequence[str]
    features: np.ndarray
    labels: np.ndarray
    probabilities: np.ndarray

    def of(self, prefix: str) -> Images:
        """Returns those whose file names begin with a prefix."""
        return self.only([file.rsplit("/", 1)[-1].startswith(prefix) for file in self.files])

    def only(self, mask: Sequence[bool] | np.ndarray) -> Images:
        """Returns those where the mask is true."""
        rows = np.flatnonzero(mask).tolist()
        files = [self.files[row] for row in rows]
        return Images(files, self.features[rows], self.labels[rows], self.probabilities[rows])

    def draw(self, count: int, seed: int) -> tuple[Images, Images]:
        """Returns that many random images of each class, and the others.

        Raises:
            ValueError: A class has no image left to score.
        """
        generator, chosen = np.random.default_rng(seed), np.zeros(len(self.labels), bool)
        for label in np.unique(self.labels):
            rows = np.flatnonzero(self.labels == label)
            if len(rows) <= count:
                raise ValueError(f"--images={count} leaves none of {len(rows)} images to score.")
            chosen[generator.permutation(rows)[:count]] = True
        return self.only(chosen), self.only(~chosen)

    def name(self, order: str, count: int, seed: int) -> tuple[Images, Images]:
        """Returns that many images of one random half, and the other half.

        Of classes with fewer images than `adapt` takes, none are returned.

        Args:
            order: badge or random.
            count: Images to name.
            seed: Decides the halves, and the random order.
        """
        from trash_keras.review import selection
        from trash_keras.training.new_place import FEWEST

        generator, half = np.random.default_rng(seed), np.zeros(len(self.labels), bool)
        for label in np.unique(self.labels):
            rows = np.flatnonzero(self.labels == label)
            half[generator.permutation(rows)[: len(rows) // 2]] = True
        pool = self.only(half)
        if order == "badge":
            ranked = selection.order(pool.probabilities, pool.features)
        else:
            ranked = generator.permutation(len(pool.labels))
        named = pool.only(np.isin(np.arange(len(ranked)), ranked[:count]))
        enough = np.bincount(named.labels)[named.labels] >= FEWEST
        return named.only(enough), self.only(~half)


def accuracy(head: Head, images: Images | Home) -> float:
    """Returns the share of images that a head classifies correctly."""
    return float((head.logits(images.features).argmax(axis=1) == images.labels).mean())


def draw(
    prior: Prior, kept: KeptFeatures, place: Images, home: Home, count: int, seed: int
) -> dict[str, float]:
    """Adapts to random images of a place and returns `FIGURES`."""
    from trash_keras.training.head_refit import Examples
    from trash_keras.training.refit_choice import refit

    order = ORDER.value
    shown, rest = place.name(order, count, seed) if order else place.draw(count, seed)
    examples = Examples.of(shown.features, shown.labels)
    found = refit(prior, kept, examples, MAX_HOME_LOSS.value, seed)
    return {
        "before": accuracy(prior.head, rest),
        "after": accuracy(found.head, rest),
        "estimate": float((found.held_out.logits.argmax(axis=1) == shown.labels).mean()),
        "home_before": accuracy(prior.head, home),
        "home_after": accuracy(found.head, home),
    }


def measure() -> Iterator[dict[str, Any]]:
    """Yields a row for each place and number of images.

    A row has `place`, `images` a class, and for each of `FIGURES` its `mean` and its `spread`, the
    standard deviation over the draws. Before and after are of the same images.
    """
    from trash_keras.data.catalog import WHOLE, single_split
    from trash_keras.data.pipeline import Split
    from trash_keras.data.readers.base import open_reader
    from trash_keras.training import adapt_source
    from trash_keras.training.head_refit import Prior

    source = adapt_source.Source.load(f"{WORKDIR.value}/model.keras")
    kept, names = source.kept, source.metadata.class_names
    home = adapt_source.find_home(source, HOME_DIR.value)
    reader = open_reader(DATA_DIR.value)
    split = Split(single_split(reader.files_by_class()), WHOLE, reader)
    files, labels = split.examples()
    labels = np.array([names.index(name) for name in split.catalog.class_names])[labels]
    features = source.features(split, title="Features, new places")
    logits = source.before(names, features)
    photos = Images(files, features, labels, softmax(logits / source.metadata.temperature, axis=1))
    prior = Prior.of(source.head(), kept.train, kept.train_labels)
    for prefix in PREFIXES.value:
        for count in map(int, IMAGES.value):
            place = photos.of(prefix)
            draws = [draw(prior, kept, place, home, count, seed) for seed in range(DRAWS.value)]
            yield {"place": prefix, "images": count, **_summary(draws)}


def _summary(draws: Sequence[dict[str, float]]) -> dict[str, dict[str, float]]:
    columns = {name: [each[name] for each in draws] for name in FIGURES}
    return {
        name: {"mean": float(np.mean(found)), "spread": float(np.std(found, ddof=1))}
        for name, found in columns.items()
    }


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Returns the rows as a Markdown table: means, with their spread in brackets."""
    lines = [
        [row["place"] or "all", str(row["images"])]
        + [f"{row[name]['mean']:.1%} ({100 * row[name]['spread']:.1f})" for name in FIGURES]
        for row in rows
    ]
    number = "images named" if ORDER.value else "images a class"
    return markdown.table(["place", number, *FIGURES.values()], lines)


def main(paths: Sequence[str]) -> None:
    """Measures, prints and writes."""
    reject_positional_arguments(paths)

    with launch.quiet_imports():
        from trash_keras.storage import local

        rows = list(measure())
    print(table(rows))
    if OUTPUT.value:
        local.write_json(OUTPUT.value, {"command": launch.command(), "rows": rows})


if __name__ == "__main__":
    # Not when a test imports the rest: flags are one name space for all tools and verbs.
    WORKDIR = flags.DEFINE_string("workdir", None, "Run whose model is adapted.")
    HOME_DIR = flags.DEFINE_string("home_dir", None, "Folder of the images of that run.")
    DATA_DIR = flags.DEFINE_string("data_dir", None, "Class folders of the new places.")
    PREFIXES = flags.DEFINE_list("prefixes", [""], "Beginnings of file names, one for each place.")
    IMAGES = flags.DEFINE_list(
        "images", ["5", "10", "20", "40"], "Labelled images a class; with --order in all."
    )
    ORDER = flags.DEFINE_enum(
        "order",
        None,
        ["badge", "random"],
        "Order in which half of the place is named: that of review, or any. Default: as many "
        "images of each class.",
    )
    DRAWS = flags.DEFINE_integer("draws", 10, "Random draws of each number.", lower_bound=2)
    MAX_HOME_LOSS = flags.DEFINE_float(
        "max_home_loss", AdaptOptions.max_home_loss, "As for trash-keras adapt.", 0, 1
    )
    OUTPUT = flags.DEFINE_string("output", None, "JSON file to write.")
    flags.mark_flags_as_required(["workdir", "home_dir", "data_dir"])
    launch.run(sys.modules[__name__])
