"""exprlab compare-counts: how like a real cohort a simulated one is."""

from __future__ import annotations

import argparse
from pathlib import Path

from exprlab.cli.arguments import add_count_table


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("simulated", type=Path, metavar="SIMULATED", help="simulated counts")
    parser.add_argument("real", type=Path, metavar="REAL", help="real raw counts")
    add_count_table(parser)
    parser.add_argument(
        "--output", type=Path, required=True, metavar="FOLDER",
        help="folder of realism.md, realism.json and figures",
    )  # fmt: skip


def run(args: argparse.Namespace) -> None:
    """Read both, compare, draw and write."""
    from exprlab.cards.realism_page import realism_page
    from exprlab.data.count_features import make_cohort
    from exprlab.data.count_tables import read_count_table
    from exprlab.data.realism import compare, view_pair
    from exprlab.files import atomic_path, write_json
    from exprlab.plotting.realism_figures import draw_realism
    from exprlab.plotting.style import save_png

    real = read_count_table(args.real, args.samples, args.label, args.samples_in)
    simulated = read_count_table(args.simulated, None, None, None)
    by_class = real.labels is not None and simulated.labels is not None
    views = view_pair(
        *(
            make_cohort(table.counts, table.labels if by_class else None, str(path))
            for table, path in ((simulated, args.simulated), (real, args.real))
        )
    )
    result = compare(*views)
    result["names"] = {"simulated": args.simulated.name, "real": args.real.name}
    result["within_classes"] = by_class
    page = realism_page(result)
    with atomic_path(args.output) as folder:
        folder.mkdir()
        write_json(folder / "realism.json", result)
        (folder / "realism.md").write_text(page, encoding="utf-8")
        for name, figure in draw_realism(result, views[0].values, views[1].values).items():
            save_png(figure, folder / f"{name}.png")
    print(f"{real.note}.\n\n{page}")
