"""Experiment tracking of runs while they train: Weights & Biases, TensorBoard, or none."""
