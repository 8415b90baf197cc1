"""TrashNet: its classes, the authors' split lists and the tensorflow-datasets builder."""

# Class name -> images.
COUNTS = {"cardboard": 403, "glass": 501, "metal": 410, "paper": 594, "plastic": 482, "trash": 137}
