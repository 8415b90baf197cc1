"""The HTTP service: pictures in, answers out; needs no TensorFlow."""
