"""Redraw the README's pictures from a finished experiment: `make figures`.

The rule graph needs Graphviz (`dot`, `tred`), the screenshot of the MLflow UI needs Chromium; what
is missing is told, and the other pictures are drawn all the same.
"""

from __future__ import annotations

import argparse
import base64
import fcntl
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[1]
IMAGES = PROJECT / "docs/images"
# One colour for each file of rules, so that the graph shows the stages of the experiment.
COLOURS = {
    "data": "#009E73",
    "preprocess": "#009E73",
    "train": "#D55E00",
    "evaluate": "#0072B2",
    "infer": "#0072B2",
    "explain": "#0072B2",
    "learning": "#0072B2",
    "course": "#0072B2",
    "lessons": "#0072B2",
    "report": "#6B6B6B",
    "track": "#6B6B6B",
}
LAYOUT = """\
graph [rankdir=LR, bgcolor=white, pad=0.08, nodesep=0.14, ranksep=0.22];
node [shape=box, style=rounded, fontname="Helvetica,Arial,sans-serif", fontsize=13, penwidth=2,
      margin="0.07,0.05"];
edge [color="#9A9A9A", penwidth=1.5, arrowsize=0.7];
"""
COURSE = (
    "activations", "xor", "step_sizes", "perceptron", "network", "descent", "hidden_units",
)  # fmt: skip
WINDOW = (1280, 640)
COLUMNS = [
    "metrics.`test/auroc`",
    "metrics.`test/log_loss`",
    "params.`model.kind`",
    "params.`model.hidden`",
    "params.`seed`",
]
START_SECONDS, DRAW_SECONDS = 60, 45
CHROMIUM_OPTIONS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--hide-scrollbars",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--remote-debugging-pipe",
)  # fmt: skip


class MissingError(Exception):
    """A tool or a result that a picture needs is not there."""


def main() -> int:
    """Draw every picture that can be drawn; 1 if one could not."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--results", type=Path, default=Path("results"), help="default: results")
    parser.add_argument("--output", type=Path, default=IMAGES, help="default: docs/images")
    args = parser.parse_args()
    args.output.mkdir(parents=True, exist_ok=True)
    pictures: dict[str, Callable[[Path, Path], None]] = {
        "rulegraph.svg": draw_rule_graph,
        "roc.png": draw_roc,
        "mlflow.png": draw_mlflow,
        **{f"course_{name}.png": take_course_picture for name in COURSE},
    }
    missing = 0
    for name, draw in pictures.items():
        try:
            draw(args.results, args.output / name)
            print(f"{args.output / name}: drawn")
        except MissingError as error:
            missing += 1
            print(f"{args.output / name}: not drawn: {error}", file=sys.stderr)
    return 1 if missing else 0


def tool(name: str, package: str) -> str:
    """Return the path of a program."""
    path = shutil.which(name)
    if path is None:
        raise MissingError(f"`{name}` is not installed (Debian: apt-get install {package})")
    return path


def draw_rule_graph(_: Path, target: Path) -> None:
    """Draw the rules of the default experiment, from left to right."""
    dot, tred = tool("dot", "graphviz"), tool("tred", "graphviz")
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(PROJECT / "Snakefile")]
    with tempfile.TemporaryDirectory() as folder:  # what already ran must not matter
        graph = output_of([*command, "--rulegraph", "--directory", folder])
    # Arrows that follow from others are left out: nearly every rule feeds report and MLflow.
    graph = output_of([tred], restyled(graph[graph.index("digraph") :]))
    target.write_text(output_of([dot, "-Tsvg"], graph), encoding="utf-8")


def take_course_picture(results: Path, target: Path) -> None:
    """Take over what `snakemake draw_course` has drawn."""
    drawn = results / "report/course" / target.name.removeprefix("course_")
    if not drawn.exists():
        raise MissingError(f"no {drawn}; run snakemake --cores 4 draw_course")
    shutil.copyfile(drawn, target)


def output_of(command: list[str], stdin: str = "") -> str:
    """Return what a command prints; its messages go to the terminal."""
    done = subprocess.run(command, input=stdin, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise MissingError(f"`{Path(command[0]).name}` failed with exit code {done.returncode}")
    return done.stdout


def restyled(graph: str) -> str:
    """Give Snakemake's graph this project's look; the collecting rule `all` is left out."""
    colours = {
        rule: COLOURS[path.stem]
        for path in (PROJECT / "workflow/rules").glob("*.smk")
        for rule in re.findall(r"^rule (\w+):", path.read_text(), re.MULTILINE)
    }
    labels = dict(re.findall(r"(\d+)\[label = \"(\w+)", graph))
    lines = [LAYOUT]
    for number, rule in labels.items():
        if rule != "all":
            text = rule.replace("_", r"_\n")
            lines.append(f'{number} [label="{text}", color="{colours[rule]}"];')
    for start, end in re.findall(r"(\d+) -> (\d+)", graph):
        if labels[end] != "all":
            lines.append(f"{start} -> {end};")
    return "digraph rules {\n" + "\n".join(lines) + "\n}\n"


def draw_roc(results: Path, target: Path) -> None:
    """Draw the ROC curves of the first data set's models."""
    from exprlab.plotting.comparison_figures import roc_overlay
    from exprlab.plotting.style import save_png

    comparison = results / "report/comparison.json"
    if not comparison.exists():
        raise MissingError(f"there is no {comparison}; run `snakemake --cores 4` first")
    dataset, compared = next(iter(json.loads(comparison.read_text())["datasets"].items()))
    models = compared["models"]
    best_first = sorted(models, key=lambda model: -models[model]["auroc"]["mean"])
    evaluations = {
        model: {
            split: json.loads((results / dataset / model / split / "evaluation.json").read_text())
            for split in models[model]["auroc"]["per_split"]
        }
        for model in best_first
    }
    save_png(roc_overlay(evaluations), target)


def draw_mlflow(results: Path, target: Path) -> None:
    """Photograph the table of runs as `exprlab ui` shows it, with runs and metrics unfolded."""
    chromium = tool("chromium", "chromium")
    if not (results / "mlflow/mlflow.db").exists():
        raise MissingError(f"there is no {results / 'mlflow/mlflow.db'}; run snakemake first")
    with mlflow_ui(results / "mlflow") as link, Browser(chromium) as browser:
        experiment = re.search(r"experiments/(\d+)", link)
        if experiment is None:
            raise MissingError("the store holds no experiment")
        browser.remember(table_state(experiment.group(1)))
        browser("Page.navigate", url=link)
        browser.wait_for("document.querySelector('button[data-component-id*=runnamecell]')")
        browser.run("document.querySelector('button[data-component-id*=runnamecell]').click()")
        browser.wait_for("document.querySelectorAll('.ag-center-cols-container .ag-row')[4]")
        time.sleep(1)  # the rows that have just come are still being laid out
        target.write_bytes(browser.screenshot())


def table_state(experiment: str) -> dict[str, str]:
    """Return what MLflow's pages remember of a user who has chosen these columns."""
    # Without the first entry a panel for chatting with a language model covers a quarter.
    page = f'MLflowLocalStorage-1.1-ExperimentPage-["{experiment}"]-ReactComponentState'
    state = {"selectedColumns": COLUMNS, "orderByKey": "attributes.start_time"}
    return {
        "mlflow.assistant.fab.autoOpenedOnFirstLoad_v1": "true",
        page: json.dumps(state),
    }


@contextmanager
def mlflow_ui(store: Path) -> Iterator[str]:
    """Serve the store on a free port and give the address that `exprlab ui` prints."""
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        port = trial.getsockname()[1]
    command = [sys.executable, "-m", "exprlab", "ui", "--store", str(store), "--port", str(port)]
    server = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        start_new_session=True,
    )  # fmt: skip
    try:
        assert server.stdout is not None
        found = re.search(r"http://\S+", server.stdout.readline())
        if found is None:
            raise MissingError("`exprlab ui` did not start; try it by hand")
        wait_until_healthy(f"http://127.0.0.1:{port}/health")
        yield found.group()
    finally:
        os.killpg(server.pid, signal.SIGTERM)  # the server and its worker
        server.wait()


def wait_until_healthy(address: str) -> None:
    """Wait for a server to answer."""
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except OSError:
            time.sleep(0.5)
    raise MissingError(f"the MLflow UI did not answer within {START_SECONDS} s")


class Browser:
    """A headless Chromium, driven over a pipe by its DevTools protocol."""

    def __init__(self, program: str) -> None:
        self._folder = tempfile.mkdtemp(prefix="chromium-")
        options = [f"--user-data-dir={self._folder}", "--window-size={},{}".format(*WINDOW)]
        read_here, write_there = os.pipe()
        read_there, write_here = os.pipe()
        # Chromium reads from descriptor 3 and writes to 4; high numbers cannot collide with these.
        ends = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in (read_there, write_there)]
        null = os.open(os.devnull, os.O_RDWR)
        places = ((ends[0], 3), (ends[1], 4), (null, 1), (null, 2))
        self._process = os.posix_spawn(
            program,
            [program, *CHROMIUM_OPTIONS, *options, "about:blank"],
            os.environ,
            file_actions=[(os.POSIX_SPAWN_DUP2, source, place) for source, place in places],
        )
        for end in (read_there, write_there, null, *ends):
            os.close(end)
        self._input, self._output = os.fdopen(write_here, "wb", 0), os.fdopen(read_here, "rb")
        self._calls, self._session = 0, ""

    def __enter__(self) -> Browser:
        targets = self("Target.getTargets")["targetInfos"]
        page = next(target["targetId"] for target in targets if target["type"] == "page")
        session = self("Target.attachToTarget", targetId=page, flatten=True)["sessionId"]
        self._session = session
        self("Page.enable")
        return self

    def __exit__(self, *_: object) -> None:
        os.kill(self._process, signal.SIGTERM)
        os.waitpid(self._process, 0)
        self._input.close()
        self._output.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def __call__(self, method: str, **params: Any) -> dict[str, Any]:
        """Call a method of the protocol and return its result."""
        self._calls += 1
        message = {"id": self._calls, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        self._input.write(json.dumps(message).encode() + b"\0")
        while (answer := self._receive()).get("id") != self._calls:
            pass
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']}")
        return answer["result"]

    def _receive(self) -> dict[str, Any]:
        content = bytearray()
        while (byte := self._output.read(1)) != b"\0":
            if not byte:
                raise MissingError("chromium ended by itself; try it by hand")
            content += byte
        return json.loads(content)

    def run(self, script: str) -> Any:
        """Run JavaScript in the page and return its value."""
        return self("Runtime.evaluate", expression=script, returnByValue=True)["result"].get(
            "value"
        )

    def remember(self, entries: dict[str, str]) -> None:
        """Fill the local storage of every page to come."""
        calls = [
            f"localStorage.setItem({json.dumps(k)}, {json.dumps(v)});" for k, v in entries.items()
        ]
        self("Page.addScriptToEvaluateOnNewDocument", source="\n".join(calls))

    def wait_for(self, condition: str) -> None:
        """Wait until a JavaScript expression is true."""
        end = time.monotonic() + DRAW_SECONDS
        while not self.run(f"Boolean({condition})"):
            if time.monotonic() > end:
                raise MissingError(f"the page did not show what was expected: {condition}")
            time.sleep(0.5)

    def screenshot(self) -> bytes:
        """Return what the window shows, as PNG."""
        return base64.b64decode(self("Page.captureScreenshot", format="png")["data"])


if __name__ == "__main__":
    sys.exit(main())
