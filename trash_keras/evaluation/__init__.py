"""Evaluation: runs a model over images, for metrics, robustness, OOD detection and saliency."""
