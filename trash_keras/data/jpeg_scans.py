"""How much work a JPEG file is: its scans, each of which a decoder makes over all pixels.

A progressive file stores an image in scans, usually ten. The format allows any number, and scans
without content take a few bytes: 3,000 of them fit into a file of 450 kB that decodes for half a
minute. See "Two Issues with the JPEG Standard", https://libjpeg-turbo.org/pmwiki/uploads/About/TwoIssueswiththeJPEGStandard.pdf.
"""

import re

MOST = 100
# A scan after the other over as many pixels as this times the limit of an image's pixels.
_MOST_WORK = 20
_START_OF_SCAN, _END_OF_IMAGE = 0xDA, 0xD9
# A marker that is no stuffed byte, restart or filler; the last two have no length either.
_MARKER = re.compile(rb"\xff([^\x00\xff\xd0-\xd7\x01\xd8])")


def count(encoded: bytes, most: int = MOST + 1) -> int:
    """Counts the scans of the first image in a file; what is behind its end does not matter.

    Args:
        encoded: A JPEG file, which may be damaged.
        most: Where counting ends.
    """
    scans, position = 0, 2
    while scans < most and (found := _MARKER.search(encoded, position)):
        marker = found[1][0]
        if marker == _END_OF_IMAGE:
            break
        scans += marker == _START_OF_SCAN
        length = int.from_bytes(encoded[found.end() : found.end() + 2])
        position = found.end() + max(length, 2)
    return scans


def is_too_much(encoded: bytes, pixels: int, max_megapixels: float) -> bool:
    """Tells whether decoding takes much longer than for any usual image.

    Args:
        encoded: A JPEG file.
        pixels: Of the image.
        max_megapixels: Most pixels of an image, millions.
    """
    scans = count(encoded)
    return scans > MOST or (scans > 1 and scans * pixels > _MOST_WORK * max_megapixels * 1e6)
