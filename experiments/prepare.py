"""Brings pictures into class folders.

python -m experiments.prepare --source=synthetic --data_dir=DIR
"""

from collections.abc import Sequence

from absl import flags

from trash_keras import flags as script

SOURCE = flags.DEFINE_enum(
    "source", "synthetic", ("synthetic",), "synthetic: drawn stand-in pictures, no download."
)
DATA_DIR = flags.DEFINE_string("data_dir", None, "Folder to write; must not exist or be empty.")
IMAGES_PER_CLASS = flags.DEFINE_integer(
    "images_per_class", 60, "Pictures drawn for each class.", lower_bound=3
)
SEED = flags.DEFINE_integer("seed", 0, "Decides what is drawn.", lower_bound=0)
flags.mark_flags_as_required(["data_dir"])


def main(paths: Sequence[str]) -> None:
    """Writes the pictures."""
    script.refuse(paths)

    from trash_keras.data import synthetic

    counts = synthetic.write_pictures(DATA_DIR.value, IMAGES_PER_CLASS.value, SEED.value)
    print(f"Wrote {sum(counts.values())} pictures of {len(counts)} classes to {DATA_DIR.value}")


if __name__ == "__main__":
    script.run(main)
