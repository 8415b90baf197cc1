"""A run as others see it while it goes on: Weights & Biases, TensorBoard, or none."""
