"""How a user gets the optional packages: one hint for all messages."""


def install_hint(extra: str) -> str:
    """Returns the command that installs an extra of setup.cfg.

    It names the clone and not the project, which is in no package index: whoever registered the
    name there would decide what is installed.

    Args:
        extra: Name of the extra, as in `train`.

    Returns:
        The command and where to run it, without a full stop.
    """
    return f"pip install '.[{extra}]' in a clone of trash_keras"
