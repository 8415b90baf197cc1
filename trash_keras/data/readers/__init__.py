"""Readers of encoded images: class folders, shards and tensorflow-datasets."""
