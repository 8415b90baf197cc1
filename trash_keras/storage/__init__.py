"""Local files that are written whole, and remote files through fsspec."""
