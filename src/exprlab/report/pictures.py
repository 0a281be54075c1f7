"""Images of the report, inside its one file."""

from __future__ import annotations

import base64
import struct
from typing import Any

from matplotlib.figure import Figure

from exprlab.plotting import style

# A figure is drawn with 150 dots per inch and shown with 100, so that it stays sharp on screens
# with small pixels and in print.
SCREEN_DPI = 100
# Inches from which on a figure takes a row of its own.
WIDE = 6.5


def picture(content: bytes | Figure, alt: str, caption: str) -> dict[str, Any]:
    """Return an image for the template: the PNG in base64, its size on the screen, its texts."""
    png = style.png_bytes(content) if isinstance(content, Figure) else content
    width, height = struct.unpack(">II", png[16:24])  # of the header chunk, which comes first
    return {
        "data": base64.b64encode(png).decode(),
        "width": round(width * SCREEN_DPI / style.DPI),
        "height": round(height * SCREEN_DPI / style.DPI),
        "wide": width > WIDE * style.DPI,
        "alt": alt,
        "caption": caption,
    }
