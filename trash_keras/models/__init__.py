"""Keras models: backbones, the classifier on them, the inference model around it, Grad-CAM."""
