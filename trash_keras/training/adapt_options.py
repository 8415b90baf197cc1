"""How to adapt a model; apart from what does it, so that flags are made without TensorFlow."""

import dataclasses
import os
from collections.abc import Sequence

from trash_keras.config import CalibrationConfig, DataConfig
from trash_keras.exporters import formats

AUTO = "auto"


@dataclasses.dataclass(frozen=True)
class AdaptOptions:
    """How to adapt.

    Attributes:
        home_dir: Folder of the images of the model's own run, whose test split then measures what
            is forgotten; empty: the validation features that the run kept measure it.
        finetune_epochs: Epochs in which the top of the backbone is fine-tuned, too: a number, or
            auto for a choice, see `adapt_finetuning`.
        max_home_loss: Largest loss of accuracy on the kept validation features, share; what these
            few images tell within one standard error counts as no more.
        formats: What to export, keys of `formats.FORMATS`.
        data_format: As `config.DataConfig` has it; so are `label_map`, `other_dir`, `bad_files`,
            `max_megapixels` and `batch_size`.
        target_risk: As `config.CalibrationConfig` has it; so are `risk_confidence`,
            `conformal_alpha` and `ood_scaling`.
        seed: Decides the folds of the cross-validation.
    """

    home_dir: str | os.PathLike = ""
    finetune_epochs: int | str = AUTO
    max_home_loss: float = 0.005
    formats: Sequence[str] = ()
    label_map: str = DataConfig.label_map
    other_dir: str | os.PathLike = DataConfig.other_dir
    data_format: str = DataConfig.data_format
    bad_files: str = DataConfig.bad_files
    max_megapixels: float = DataConfig.max_megapixels
    batch_size: int = DataConfig.batch_size
    target_risk: float = CalibrationConfig.target_risk
    risk_confidence: float = CalibrationConfig.risk_confidence
    conformal_alpha: float = CalibrationConfig.conformal_alpha
    ood_scaling: bool = CalibrationConfig.ood_scaling
    seed: int = 0

    def __post_init__(self) -> None:
        formats.require_known(self.formats)
        if self.finetune_epochs != AUTO and not str(self.finetune_epochs).isdecimal():
            raise ValueError(
                "--finetune_epochs must be auto or a number of epochs, 0 for none. "
                f"Received: {self.finetune_epochs}"
            )
        if not 0 <= self.max_home_loss <= 1:
            raise ValueError(
                f"--max_home_loss must be between 0 and 1. Received: {self.max_home_loss}"
            )
