"""Recipes that come with the package, `NAME.flags` each, for `--preset=NAME`."""
