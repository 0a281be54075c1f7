"""Showing a figure in a lesson."""

from __future__ import annotations

from IPython.display import Image, display
from matplotlib.figure import Figure

from exprlab.plotting.style import png_bytes


def show(figure: Figure, words: str) -> None:
    """Show a figure, with words for readers who cannot see it."""
    width = int(figure.get_size_inches()[0] * 96)
    display(Image(png_bytes(figure), width=width, alt=words))
