"""Colour profiles: an image whose file names another RGB space than sRGB is brought to sRGB.

Phones store Display P3. Its numbers taken for sRGB are paler, and some predictions change. Browsers
and Android convert, too, so all runtimes see the same colours.
"""

import functools
import io

import numpy as np
from PIL import Image, ImageCms

# Levels. Profiles of sRGB itself differ by that much, and their pixels are best left alone.
_SAME = 2
_MODES = ("RGB", "RGBA", "P", "PA")  # of the stored image; grey and CMYK keep their numbers


def to_srgb(image: Image.Image, stored: Image.Image) -> Image.Image:
    """Converts to sRGB by the profile that lies in the file; relative colorimetric, clipped.

    Args:
        image: Of mode RGB or RGBA; its alpha stays.
        stored: The image that it was made of, as the file has it.

    Returns:
        The image itself where there is no profile, one of sRGB, one of another kind than RGB, or
        one that cannot be read; else a new one.
    """
    profile = stored.info.get("icc_profile")
    if not isinstance(profile, bytes) or not profile or stored.mode not in _MODES:
        return image
    transform = _transform(profile, image.mode)
    return image if transform is None else ImageCms.applyTransform(image, transform) or image


@functools.lru_cache(maxsize=64)
def _transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if source.profile.xcolor_space.strip() != "RGB":
            return None
        intent = ImageCms.Intent.RELATIVE_COLORIMETRIC
        target = ImageCms.createProfile("sRGB")
        transform = ImageCms.buildTransform(source, target, mode, mode, intent)
        probe = _probe().convert(mode)
        changed = ImageCms.applyTransform(probe, transform)
    except Exception:  # broken in one of many ways, and the pixels may be fine
        return None
    difference = np.asarray(changed, np.int16) - np.asarray(probe, np.int16)
    return transform if np.abs(difference).max() > _SAME else None


def _probe() -> Image.Image:
    """Returns colours from all over the RGB cube."""
    levels = np.linspace(0, 255, 6).astype(np.uint8)
    return Image.fromarray(np.stack(np.meshgrid(levels, levels, levels), -1).reshape(6, 36, 3))
