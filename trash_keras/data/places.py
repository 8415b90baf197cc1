"""Where the sources of a run lie: `--data_dir` with one or several places.

In a catalog of several sources each path begins with the name of its source: SOURCE/CLASS/FILE. So
equal file names do not clash, and every image says where it comes from.
"""

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePath

from trash_keras.storage import remote
from trash_keras.storage.names import is_plain, printable


def addresses(data_dir: str | os.PathLike) -> dict[str, str]:
    """Returns name -> address of the sources in `--data_dir`; one has the name "".

    Args:
        data_dir: A folder, address or tfds:NAME; or several, separated by commas, each as it is
            or as NAME=PLACE. Without a name it has that of its last folder.

    Raises:
        ValueError: An entry is empty, two are the same or one in another, or a name is none.
    """
    text = os.fspath(data_dir)
    if "," not in text or os.path.exists(text):
        return {"": text}
    entries = [_named(entry.strip(), text) for entry in text.split(",")]
    _require_apart([address for _, address in entries])
    seen: dict[str, str] = {}
    for name, address in entries:
        other = seen.setdefault(name.lower(), address)
        if other != address:
            raise ValueError(
                f"Two sources of --data_dir are called {name}: {other} and {address}. Name them "
                f"apart, as in --data_dir=first={other},second={address}"
            )
    return dict(entries)


def _named(entry: str, text: str) -> tuple[str, str]:
    if not entry:
        raise ValueError(f"--data_dir has an empty entry between its commas. Received: {text}")
    given = re.fullmatch(r"([^/\\:=]+)=(.+)", entry, re.DOTALL)
    if given and not os.path.exists(entry):
        name, address = given[1].strip(), given[2].strip()
    else:
        name, address = _default_name(entry), entry
    if not name or name.startswith(".") or name != name.strip() or not is_plain(name):
        raise ValueError(
            f"A source needs a name of visible text without a dot at its beginning. Received: "
            f'"{printable(name)}" for {address}. Give it one: --data_dir=NAME={address},...'
        )
    return name, address


def _default_name(place: str) -> str:
    """Returns the name of a data set of tensorflow-datasets, or of the last folder."""
    if place.startswith("tfds:"):
        return re.split("[/:@]", place)[1]
    # An absolute path, so that "." and ".." get the names of their folders.
    path = place if remote.is_url(place) else os.path.abspath(place)
    return re.split(r"[/\\:]", path.rstrip("/"))[-1]


def _require_apart(places: Sequence[str]) -> None:
    """Raises ValueError where a place is named twice, or lies in another one."""
    real = [_real(place) for place in places]
    for number, place in enumerate(places):
        for before in range(number):
            first, second = sorted((real[before], real[number]), key=len)
            if first == second:
                raise ValueError(f"--data_dir names a source twice: {places[before]} and {place}.")
            if PurePath(second).is_relative_to(first):
                raise ValueError(
                    f"Of the sources of --data_dir one lies in another one: {places[before]} and "
                    f"{place}. Their images would count twice."
                )


def _real(place: str) -> str:
    return os.path.realpath(place) if os.path.exists(place) else place.rstrip("/")


def locate(data_dir: str | os.PathLike, path: str) -> Path:
    """Returns the file of an image, for folders on this machine."""
    sources = addresses(data_dir)
    if "" in sources:
        return Path(data_dir, path)
    name, _, rest = path.partition("/")
    return Path(sources[name], rest)


def prefixed(of_sources: Mapping[str, Mapping[str, Sequence[str]]]) -> dict[str, list[str]]:
    """Joins what several sources list.

    Args:
        of_sources: Source, "" for the only one, -> class, or reason, -> its own paths.

    Returns:
        Class, or reason, -> sorted paths of all sources.
    """
    found: dict[str, list[str]] = {}
    for source, listed in of_sources.items():
        for key, paths in listed.items():
            found.setdefault(key, []).extend(
                f"{source}/{path}" if source else path for path in paths
            )
    return {key: sorted(found[key]) for key in sorted(found)}


def identities(data_dir: str | os.PathLike, paths: Iterable[str]) -> dict[str, str]:
    """Returns image, told by where it really lies -> its path in a catalog."""
    roots = {name: _real(address) for name, address in addresses(data_dir).items()}
    found = {}
    for path in paths:
        name, _, rest = ("", "", path) if "" in roots else path.partition("/")
        found[f"{roots.get(name, name)}/{rest}"] = path
    return found
