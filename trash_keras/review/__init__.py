"""Active learning: images that a model is unsure of are collected, and named by a person."""
