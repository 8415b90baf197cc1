"""TrashNet: the authors' split lists and the tensorflow-datasets builder."""
