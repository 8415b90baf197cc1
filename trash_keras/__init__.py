"""TrashNet classification in pure Keras/TensorFlow: from a folder of pictures to a phone."""

__version__ = "0.1.0"
