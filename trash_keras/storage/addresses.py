"""Addresses as they may be shown and kept: scheme, host and path, never what can hold a secret."""

import re

_START = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*://")
_HOST = re.compile(r"([\w.\-]+|\[[0-9A-Fa-f:.]+\])?(:\d*)?")
HIDDEN = "..."
# Their clients take keys from the environment, and names of files and versions hold an @ in there.
_STORES = {"gs", "gcs", "s3", "s3a", "hf"}


def public(text: str) -> str:
    """Returns a text with every address in it without user, password, query and fragment.

    An address ends at white space.

    >>> public("Cannot read https://me:s3cr@t@host/x.zip?key=abc: 403")
    'Cannot read https://host/x.zip 403'

    Args:
        text: A message, or an address.
    """
    return "".join(map(public_value, re.split(r"(\s+)", text)))


def public_value(text: str) -> str:
    """Does the same for one address, or a setting or argument with one, that may hold blanks.

    Args:
        text: As in "https://host/x.zip", "data/train" or "--source=https://host/x.zip".
    """
    start = _START.search(text)
    if not start:
        return text
    return text[: start.end()] + _place(text[start.end() :], _names_a_store(text[start.start() :]))


def holds_secret(address: str) -> bool:
    """Tells whether an address has parts that may hold a secret.

    In an object store a ? or # is part of a file's name.
    """
    return not _names_a_store(address) and public_value(address) != address


def _names_a_store(address: str) -> bool:
    scheme, _, rest = address.partition("://")
    is_bucket = bool(_HOST.fullmatch(re.split("[/?#]", rest)[0]))
    # With another address behind it, it is a list with whatever else.
    return scheme.lower() in _STORES and is_bucket and "://" not in rest


def _place(rest: str, is_store: bool) -> str:
    """Returns host and path.

    A password may hold any character, also one that ends a host for every client. So where it is
    doubtful what is the host, nothing is shown.
    """
    place, cut, after = re.match(r"([^?#]*)([?#]?)(.*)", rest, re.DOTALL).groups()  # type: ignore
    if not is_store:
        place = place.rpartition("@")[2]
    host, slash, _ = place.partition("/")
    # In "me?word@host" or "me:1?word@host" what looks like a host is the user.
    is_doubtful = bool(cut) and "@" in after and not slash
    return place if _HOST.fullmatch(host) and not is_doubtful else HIDDEN
