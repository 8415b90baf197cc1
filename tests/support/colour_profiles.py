"""Colour profiles, made of the sRGB profile that Pillow brings."""

from PIL import ImageCms

from tools import wide_colour
from tools.wide_colour import PRIMARIES, copy_in, srgb

__all__ = ["PRIMARIES", "copy_in", "lab", "of_space", "srgb", "swapped", "with_primaries"]


def with_primaries(name: str) -> bytes:
    return wide_colour.with_primaries(PRIMARIES[name])


def swapped() -> bytes:
    """sRGB whose red and blue change places: whoever follows it sees other colours."""
    return wide_colour.with_primaries(
        [(0.14307, 0.06061, 0.7141), (0.38515, 0.71687, 0.09708), (0.43607, 0.22249, 0.01392)]
    )


def lab() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()


def of_space(space: bytes) -> bytes:
    """A profile that says that it is of another colour space, with the tags of sRGB."""
    profile = srgb()
    return profile[:16] + space + profile[20:]
