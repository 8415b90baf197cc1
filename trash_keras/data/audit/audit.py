"""Audits a folder of images: every finding, as a dictionary that is its own JSON."""

import importlib.util
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from trash_keras.data import file_roles, image_listing, multi_source, places
from trash_keras.data.audit import duplicates, label_issues, outliers
from trash_keras.data.audit.duplicates import Pair, Thresholds
from trash_keras.data.audit.inspection import (
    InspectedImage,
    Inspection,
    Place,
    inspect,
    wrong_extension,
)
from trash_keras.data.catalog import Catalog, FilesByClass, scan_all
from trash_keras.data.groups import connected
from trash_keras.host.packages import install_hint

# (catalog, split) -> float [N, channels], in the order of `Catalog.examples`.
FeaturesOf = Callable[[Catalog, str], np.ndarray]


def read_catalog(
    data_dir: str | os.PathLike,
    catalog_file: str | os.PathLike = "",
    split_method: str = "none",
    seed: int = 0,
    split_dir: str | os.PathLike = "",
) -> Catalog:
    """Lists what to audit: the splits of a run, those that a method makes, or one of everything.

    Args:
        data_dir: Folder of class folders, or several, see `places.addresses`.
        catalog_file: A run's `catalog.json`; empty for `split_method`.
        split_method: none, stratified, official or folders.
        seed: Of the stratified split.
        split_dir: Where the official lists lie.

    Raises:
        ValueError: No such folder or catalog, or the folder does not fit the method.
    """
    if catalog_file:
        file_roles.require("catalog", catalog_file)
    files, passed = _scan(data_dir)
    image_listing.tell(passed, data_dir)
    if catalog_file:
        catalog = Catalog.load(catalog_file)
        catalog.require(files, data_dir)
        return catalog
    sources = multi_source.open_sources(data_dir)
    if split_method == "none":
        multi_source.require_class_folders(sources)
        return multi_source.whole(sources)[0]
    return multi_source.split(sources, split_method, seed, split_dir)


def _scan(data_dir: str | os.PathLike) -> tuple[FilesByClass, image_listing.PassedOver]:
    found = {name: scan_all(address) for name, address in places.addresses(data_dir).items()}
    files = places.prefixed({name: files for name, (files, _) in found.items()})
    passed = places.prefixed({name: passed for name, (_, passed) in found.items()})
    return {name: tuple(paths) for name, paths in files.items()}, passed


def require_packages(labels: bool) -> None:
    """Fails before minutes of work rather than after.

    Args:
        labels: Label issues are wanted, too.

    Raises:
        ImportError: A package of the extra `audit` is missing.
    """
    for package in ("imagehash", "cleanlab") if labels else ("imagehash",):
        if importlib.util.find_spec(package) is None:
            raise ImportError(f"The audit needs the package {package}: {install_hint('audit')}")


def audit(
    catalog: Catalog,
    data_dir: str | os.PathLike,
    thresholds: Thresholds,
    features_of: FeaturesOf | None = None,
    *,
    seed: int = 0,
) -> dict[str, Any]:
    """Finds unreadable files, wrong extensions, duplicates, outliers and label issues.

    Args:
        catalog: The images to audit.
        data_dir: Folder that its paths are relative to.
        thresholds: What makes a near-duplicate.
        features_of: (catalog, split) -> pooled frozen features, float [N, channels], of
            decodable images, in the order of `Catalog.examples`; None finds near-duplicates by
            hash alone, and no label issues.
        seed: Of the folds behind the label issues.

    Returns:
        The content of `audit.json`; `summary` counts what the other keys list.

    Raises:
        ImportError: A package of the extra `audit` is missing.
        ValueError: Too many images are alike, or there are too few to find label issues.
    """
    require_packages(labels=features_of is not None)
    seen = inspect(catalog, data_dir)
    images = seen.images
    features = _features(images, features_of) if features_of else None
    exact = duplicates.exact(images)
    near = duplicates.near(images, features, thresholds)
    groups = connected(len(images), [*exact, *((pair.first, pair.second) for pair in near)])
    findings: dict[str, Any] = {
        "counts": _counts(seen),
        "unreadable": [{**_place(bad.place), "reason": bad.reason} for bad in seen.unreadable],
        "wrong_extensions": [
            {**_place(image.place), "content": image.kind}
            for image in images
            if wrong_extension(image)
        ],
        "exact_duplicates": [_joined(images, group) for group in exact],
        "near_duplicates": [_pair(images, pair) for pair in near],
        "groups": [[images[index].place.file for index in group] for group in groups],
        "outliers": {
            name: _outliers(images, measure) for name, measure in outliers.MEASURES.items()
        },
        "doubtful_labels": _label_issues(images, features, groups, seed),
        "passed_over": image_listing.summary(_scan(data_dir)[1]),
    }
    evidence = _evidence(thresholds, features)
    return {"summary": _summary(findings, len(images)), **findings, "evidence": evidence}


def _features(images: Sequence[InspectedImage], features_of: FeaturesOf) -> np.ndarray:
    by_class: dict[str, set[str]] = {}
    for image in images:
        by_class.setdefault(image.place.class_name, set()).add(image.place.file)
    files = {name: tuple(sorted(by_class[name])) for name in sorted(by_class)}
    readable = Catalog(tuple(files), {"readable": files})
    features = features_of(readable, "readable")
    row = {path: index for index, path in enumerate(readable.examples("readable")[0])}
    return features[[row[image.place.file] for image in images]]


def _place(place: Place) -> dict[str, str]:
    return {"file": place.file, "class": place.class_name, "split": place.split}


def _counts(inspection: Inspection) -> dict[str, dict[str, int]]:
    places = [image.place for image in inspection.images]
    places += [bad.place for bad in inspection.unreadable]
    names = sorted({place.class_name for place in places})
    counts = {split: dict.fromkeys(names, 0) for split in dict.fromkeys(p.split for p in places)}
    for place in places:
        counts[place.split][place.class_name] += 1
    return counts


def _joined(images: Sequence[InspectedImage], indices: Iterable[int]) -> dict[str, Any]:
    places = [images[index].place for index in indices]
    return {
        "files": [_place(place) for place in places],
        "across_classes": len({place.class_name for place in places}) > 1,
        "across_splits": len({place.split for place in places}) > 1,
    }


def _pair(images: Sequence[InspectedImage], pair: Pair) -> dict[str, Any]:
    return {
        **_joined(images, (pair.first, pair.second)),
        "correlation": round(pair.correlation, 4),
        "orientation": pair.orientation,
        "hash_distance": pair.distance,
        "feature_similarity": None if pair.similarity is None else round(pair.similarity, 4),
    }


def _outliers(images: Sequence[InspectedImage], measure: outliers.Measure) -> list[dict[str, Any]]:
    return [
        {
            **_place(images[found.index].place),
            "value": round(found.value, 3),
            "median": round(found.median, 3),
            "score": round(found.score, 2),
        }
        for found in outliers.find(images, measure)
    ]


def _label_issues(
    images: Sequence[InspectedImage],
    features: np.ndarray | None,
    groups: list[list[int]],
    seed: int,
) -> dict[str, Any] | None:
    if features is None:
        return None
    names = sorted({image.place.class_name for image in images})
    labels = np.array([names.index(image.place.class_name) for image in images])
    issues = label_issues.find(features, labels, groups, seed)
    found = [
        {
            **_place(images[issue.index].place),
            "suggestion": names[issue.suggestion],
            "probability_of_label": round(issue.probability_of_label, 4),
            "probability_of_suggestion": round(issue.probability_of_suggestion, 4),
        }
        for issue in issues.found
    ]
    return {"accuracy": round(issues.accuracy, 4), "found": found}


def _summary(findings: Mapping[str, Any], readable_images: int) -> dict[str, Any]:
    same = [*findings["exact_duplicates"], *findings["near_duplicates"]]
    issues = findings["doubtful_labels"]
    return {
        "files": readable_images + len(findings["unreadable"]),
        "unreadable": len(findings["unreadable"]),
        "wrong_extensions": len(findings["wrong_extensions"]),
        "exact_duplicates": len(findings["exact_duplicates"]),
        "near_duplicates": len(findings["near_duplicates"]),
        "duplicates_across_classes": sum(item["across_classes"] for item in same),
        "duplicates_across_splits": sum(item["across_splits"] for item in same),
        "groups": len(findings["groups"]),
        "outliers": len(
            {item["file"] for found in findings["outliers"].values() for item in found}
        ),
        "doubtful_labels": None if issues is None else len(issues["found"]),
    }


def _evidence(thresholds: Thresholds, features: np.ndarray | None) -> dict[str, str]:
    candidates = f"perceptual hashes that differ in at most {thresholds.max_distance} of 64 bits"
    if features is not None:
        candidates += (
            f", or pooled frozen features with a cosine of at least {thresholds.min_similarity}"
        )
    return {
        "exact_duplicates": "Files with the same SHA-256.",
        "near_duplicates": (
            f"Different files whose detail, the small grey image less its blur, correlates at "
            f"{thresholds.min_correlation} or more in one of the 8 flips and rotations, shifted by "
            f"up to 12% of the side. Compared were pairs with {candidates}; of files that are the "
            "same, one stands for all."
        ),
        "outliers": outliers.RULE,
        "doubtful_labels": label_issues.METHOD if features is not None else "Not looked for.",
    }
