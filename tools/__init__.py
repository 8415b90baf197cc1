"""Commands for the authors: `python -m tools.NAME`. Not part of the installed package."""
