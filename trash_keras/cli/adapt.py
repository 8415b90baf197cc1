"""Adapts a model to a new place by a few images a class (few-shot learning).

    trash-keras adapt --data_dir=MY_IMAGES --workdir=RUN [--model=FILE]

MY_IMAGES holds a folder for each class with 3 labelled images or more; classes of the model may be
missing, others are new. The head is refitted without forgetting the old task (transfer learning),
the backbone stays or is fine-tuned a little, and temperature, threshold and OOD scaling are fitted
again. The report in RUN shows the model before and after, in the new place and at home.
RUN/model.keras is a model like any other.
"""

from collections.abc import Sequence

from absl import flags

from trash_keras.cli import launch
from trash_keras.cli.flags import define_model, define_setting, reject_positional_arguments
from trash_keras.exporters.formats import FORMATS
from trash_keras.training.adapt_options import AdaptOptions

MODEL = define_model("model.keras of a run, with features.npz beside it.")
DATA_DIR = flags.DEFINE_string(
    "data_dir", None, "Class folders of the new place; several, separated by commas, as for train."
)
WORKDIR = flags.DEFINE_string("workdir", None, "Folder for all that the run writes.")
HOME_DIR = flags.DEFINE_string(
    "home_dir",
    "",
    "Folder of the images of the model's own run: what is forgotten is then measured on its test "
    "split. Empty: by the features of its validation images, which the run kept. Fine-tuning needs "
    "these images, and without this looks where the run had them.",
)
FINETUNE_EPOCHS = flags.DEFINE_string(
    "finetune_epochs",
    AdaptOptions.finetune_epochs,
    "Epochs in which the top of the backbone is fine-tuned, too, on the images of both places: a "
    "number, or auto: some where each class has 20 images and home's are there, kept where that "
    "helps on held-out images and home loses no more than --max_home_loss. It takes some minutes.",
)
MAX_HOME_LOSS = flags.DEFINE_float(
    "max_home_loss",
    AdaptOptions.max_home_loss,
    "Largest loss of accuracy on the validation images of home, share, but for one standard error "
    "of what so few images tell; a smaller one keeps more of the old task, 1 forgets it freely.",
    0,
    1,
)
CHOSEN = flags.DEFINE_list("formats", None, f"Also export as: {', '.join(FORMATS)}.")
FITTED = tuple(
    map(define_setting, ("target_risk", "risk_confidence", "conformal_alpha", "ood_scaling"))
)
IMAGES = tuple(map(define_setting, ("label_map", "other_dir")))
READING = tuple(map(define_setting, ("data_format", "bad_files", "max_megapixels", "batch_size")))
SEED = define_setting("seed")
flags.mark_flags_as_required(["data_dir", "workdir"])
GROUPS = {
    "Model": (MODEL,),
    "Data": (DATA_DIR, *IMAGES, HOME_DIR),
    "Adaptation": (FINETUNE_EPOCHS, MAX_HOME_LOSS, *FITTED, SEED),
    "Reading": READING,
    "Output": (WORKDIR, CHOSEN),
}


def main(paths: Sequence[str]) -> None:
    """Adapts the model and says what that gained."""
    reject_positional_arguments(paths)

    with launch.quiet_imports():
        from trash_keras.reporting import adaptation
        from trash_keras.training.adapt import adapt

    report = adapt(
        DATA_DIR.value,
        WORKDIR.value,
        MODEL.value,
        command=launch.command(),
        home_dir=HOME_DIR.value,
        finetune_epochs=FINETUNE_EPOCHS.value,
        max_home_loss=MAX_HOME_LOSS.value,
        formats=CHOSEN.value or (),
        **{flag.name: flag.value for flag in (*IMAGES, *FITTED, *READING, SEED)},
    )
    for paragraph in adaptation.paragraphs(report["adaptation"]):
        print(paragraph)
    print(f"Report: {WORKDIR.value}/report.html")
