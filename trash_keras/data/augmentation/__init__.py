"""Data augmentation for training, and corruptions to measure robustness."""
