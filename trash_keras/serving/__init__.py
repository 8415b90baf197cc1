"""The HTTP service: images in, predictions out; needs no TensorFlow."""
