"""Downloads, copies or draws images into class folders or shards.

    trash-keras prepare --source=SOURCE --data_dir=DIR

The same command again continues, or does nothing. --apply=LIST makes a copy of a folder that is
cleaned by a list of `trash-keras audit` or of a page; the folder stays as it is.

SOURCE is one of:
  synthetic             drawn stand-in images, no download
  trashnet              TrashNet (2,527 images, 6 classes) from Hugging Face
  gs://BUCKET/PATH      Google Cloud Storage: an archive or a folder (extra "gcs")
  s3://BUCKET/PATH      S3 or compatible: an archive or a folder (extra "s3")
  hf://datasets/OWNER/NAME/PATH   Hugging Face: an archive or a folder
  https://HOST/PATH     an archive; http:// too
  FILE                  a local .zip, .tar, .tar.gz or .tgz
  FOLDER                a local folder, copied
  tfds:NAME             a data set of tensorflow-datasets, with --shards

Each client uses its own credentials (AWS_PROFILE, AWS_ENDPOINT_URL, gcloud login, HF_TOKEN ...).
An archive or folder holds one folder per class; a single folder around them is ignored.
"""

from collections.abc import Sequence

from absl import flags

from trash_keras.batch import beam
from trash_keras.cli import launch
from trash_keras.cli.flags import reject_positional_arguments, reject_useless
from trash_keras.storage.addresses import public_value

SOURCE = flags.DEFINE_string(
    "source",
    "synthetic",
    "Data set: synthetic, trashnet, an address, an archive or a folder: see above.",
)
DATA_DIR = flags.DEFINE_string("data_dir", None, "Folder to write; must not exist or be empty.")
SHA256 = flags.DEFINE_string("sha256", "", "Checksum the archive must have. Empty: any.")
MAX_UNPACKED_GIGABYTES = flags.DEFINE_float(
    "max_unpacked_gigabytes", 20, "Largest archive or folder accepted, unpacked, GB.", 1e-6, 1e6
)
APPLY = flags.DEFINE_string(
    "apply",
    "",
    "CSV file of corrections, with the columns file,label,action,new_label,reason: what to drop or "
    "relabel of --source.",
)
IMAGES_PER_CLASS = flags.DEFINE_integer(
    "images_per_class", 60, "Images drawn for each class of synthetic.", 3, 10**6
)
SEED = flags.DEFINE_integer("seed", 0, "Decides what is drawn for synthetic.", 0, 2**31 - 1)
SHARDS = flags.DEFINE_integer(
    "shards",
    0,
    "Least number of shards to write instead of class folders; 0: class folders.",
    0,
    99_999,
)
SHARD_MEGABYTES = flags.DEFINE_float(
    "shard_megabytes", 256, "Most images in a shard, 10^6 bytes; more shards where needed.", 0, 1e6
)
DATA_FORMAT = flags.DEFINE_enum(
    "data_format", "tfrecord", ("tfrecord", "array_record"), "Format of the shards."
)
RUNNER = flags.DEFINE_enum("runner", None, beam.RUNNERS, "Writes shards as an Apache Beam job.")
RUNNER_OPTIONS = flags.DEFINE_string(
    "runner_options", "", "Beam's own options, as in '--project=P --temp_location=gs://B/tmp'."
)
flags.mark_flags_as_required(["data_dir"])
GROUPS = {
    "Source": (SOURCE, SHA256, MAX_UNPACKED_GIGABYTES, APPLY),
    "Output": (DATA_DIR,),
    "Synthetic images": (IMAGES_PER_CLASS, SEED),
    "Shards": (SHARDS, SHARD_MEGABYTES, DATA_FORMAT, RUNNER, RUNNER_OPTIONS),
}


def main(paths: Sequence[str]) -> None:
    """Writes the images."""
    reject_positional_arguments(paths)

    from trash_keras.data import file_roles
    from trash_keras.data.sources import prepare

    if APPLY.value:
        file_roles.require("apply", APPLY.value)
        if not SOURCE.present:
            raise ValueError("--apply needs --source: the data folder that the list is about.")
    request = prepare.Request(
        SOURCE.value, SHA256.value, MAX_UNPACKED_GIGABYTES.value,
        images_per_class=IMAGES_PER_CLASS.value, seed=SEED.value, apply=APPLY.value,
    )  # fmt: skip
    if SHARDS.value:
        reject_useless([APPLY], "with --shards: apply it to a folder, and make shards of that")
        with launch.quiet_imports():
            from trash_keras.batch import shards

        runner = (RUNNER.value or "", RUNNER_OPTIONS.value)
        layout = shards.Layout(DATA_FORMAT.value, SHARDS.value, SHARD_MEGABYTES.value, *runner)
        done = shards.write_shards(request, DATA_DIR.value, layout)
    else:
        for_shards = (SHARD_MEGABYTES, DATA_FORMAT, RUNNER, RUNNER_OPTIONS)
        reject_useless(for_shards, "without --shards")
        done = prepare.prepare_dataset(request, DATA_DIR.value)
    data_dir = public_value(DATA_DIR.value)
    images = f"{sum(done.counts.values())} images of {len(done.counts)} classes"
    if done.already:
        print(f"{data_dir} already holds the {images} of {request.name}; nothing to do")
    else:
        print(f"Wrote {images} to {data_dir}")
