"""What only the authors run: `python -m tools.NAME`. Not part of the installed package."""
