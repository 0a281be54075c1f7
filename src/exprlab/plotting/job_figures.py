"""The jobs of a workflow as a graph, drawn without Graphviz."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from matplotlib.figure import Figure

from exprlab.plotting import style


@style.styled
def jobs_figure(arrows: Collection[tuple[str, str]], again: Collection[str] = ()) -> Figure:
    """Draw which job needs which, the first on top; arrows that follow from others are left out.

    Parameters
    ----------
    arrows
        From a job to one that takes its files; a name may have several lines.
    again
        Jobs that are drawn dark.
    """
    needed = _needed(arrows)
    depth = _depths(needed)
    place = _places(needed, depth)
    figure = style.figure(7.2, 0.8 * (max(depth.values()) + 1) + 0.1)
    axes = figure.subplots()
    for begin, end in needed:
        # By the place that is kept free for it on each level between.
        levels = range(depth[begin] + 1, depth[end])
        way = [(place[begin, depth[begin]], -depth[begin] - _half(begin))]
        way += [(place[begin, level], -level) for level in levels]
        axes.plot(*zip(*way, strict=True), color=style.MUTED, linewidth=1.1)
        head = {"arrowstyle": "-|>", "color": style.MUTED, "linewidth": 1.1, "shrinkA": 0}
        above = (place[end, depth[end]], -depth[end] + _half(end))
        axes.annotate("", above, way[-1], arrowprops=head)
    for name, level in depth.items():
        dark = name in again
        box = {"boxstyle": "round,pad=0.35", "edgecolor": style.INK, "linewidth": 1.0,
               "facecolor": style.INK if dark else "white"}  # fmt: skip
        axes.text(place[name, level], -level, name, ha="center", va="center", fontsize=9,
                  bbox=box, zorder=3, color="white" if dark else style.INK)  # fmt: skip
    axes.set(xlim=(-1.05, 1.05), ylim=(-max(depth.values()) - 0.45, 0.45))
    axes.set_axis_off()
    return figure


def _half(name: str) -> float:
    """Return half the height of a box, in levels."""
    return 0.13 + 0.11 * name.count("\n")


def _depths(arrows: Collection[tuple[str, str]]) -> dict[str, int]:
    """Return the level of each name, below all that it needs."""
    names = sorted({name for arrow in arrows for name in arrow})
    before = {name: [a for a, b in arrows if b == name] for name in names}
    depth: dict[str, int] = {}
    while len(depth) < len(names):
        ready = [n for n in names if n not in depth and all(b in depth for b in before[n])]
        if not ready:
            raise ValueError("the arrows lead in a circle, so no job could be the first")
        depth |= {n: 1 + max((depth[b] for b in before[n]), default=-1) for n in ready}
    return depth


def _places(
    arrows: Collection[tuple[str, str]], depth: Mapping[str, int]
) -> dict[tuple[str, int], float]:
    """Return where a name, or its arrow on the way to lower levels, lies from left to right.

    On each level they stand evenly, in the order of the middle of what is right above them.
    """
    last = {name: max([depth[b] - 1 for a, b in arrows if a == name] or [0]) for name in depth}
    place: dict[tuple[str, int], float] = {}
    for level in range(max(depth.values()) + 1):
        middle = {}
        for name in depth:
            if depth[name] == level:
                above = [place[a, level - 1] for a, b in arrows if b == name]
                middle[name] = sum(above) / max(1, len(above))
            elif depth[name] < level <= last[name]:
                middle[name] = place[name, level - 1]
        row = sorted(middle, key=lambda name: (middle[name], name))
        place |= {(n, level): (2 * i + 1) / len(row) - 1 for i, n in enumerate(row)}
    return place


def _needed(arrows: Collection[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return the arrows that do not follow from others."""
    after: dict[str, set[str]] = {}
    for begin, end in arrows:
        after.setdefault(begin, set()).add(end)

    def beyond(name: str) -> set[str]:
        """Return all that is reached from a name."""
        found = after.get(name, set())
        return found.union(*(beyond(other) for other in found))

    return sorted(
        (begin, end)
        for begin, ends in after.items()
        for end in ends
        if not any(end in beyond(other) for other in ends - {end})
    )
