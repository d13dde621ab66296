"""README.md and index.ipynb as a stranger uses them, and the API reference.

Every fenced block of both runs as it is written, in the order of the page, in a folder that holds what a clone holds. Two things are not as a stranger has them. What installs is left to
.ci/run, which runs it word for word; in its place there is a `.venv` whose commands are those of the environment under test. And its `fixate demo` makes a recording of 2 people instead of 24 and tunes
for one epoch instead of 10, without the released settings (see `LITTLE_DEMO`); every other command gets the arguments that the page gives it.
"""

import ast
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
MINUTES = 10  # a block that takes longer is stopped
SETUP = "python3 -m venv .venv && .venv/bin/pip install -c constraints.txt -e . && "  # of the main job, whose rest runs here
INSTALL = (
    ".venv/bin/pip install -c constraints.txt -e '.[gym]'",
    "python3 -m venv .venv && .venv/bin/pip install -c constraints.txt -e '.[dev]' && .venv/bin/pytest",
)
LEAVES = [
    "data/demo/report/index.html",
    "data/demo/look.png",
    "data/demo/what_if.png",
    "data/demo/mine/checkpoint.pt",
    "data/emulate/look.png",
    "data/try/report/index.html",
    "data/try/out.ipynb",
    "data/try/one/record.json",
    "data/try/batch/summary.csv",
    "data/serp/study/study.json",
    "data/own/study/study.json",
]

# `fixate` of the stranger's folder: the command under test, but for the size of the demo.
LITTLE_DEMO = """#!{python}
import sys
from fixate import cli

if __name__ == "__main__":                                  # processes that prepare in parallel import this file again
    synth, prepare, train = cli.synth, cli.prepare, cli.train
    if sys.argv[1:2] == ["demo"]:
        cli.synth = lambda raw, users, tasks, seed, poster_width: synth(raw, 2, 8, seed, 86)
        cli.prepare = lambda dataset, raw, out, **how: prepare(dataset, raw, out, **how | dict(scale=.25))
        cli.train = lambda *args, **changes: train(*args, **changes, epochs=1, released=False)
    sys.exit(cli.main())
"""


# Blocks ---------------------------------------------------------------------------------------------------------------------------
def markdown(path: Path) -> str:
    "The text of a page: a Markdown file, or the Markdown cells of a notebook."
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".ipynb":
        return text
    return "\n\n".join(
        "".join(c["source"]) for c in json.loads(text)["cells"] if c["cell_type"] == "markdown"
    )


def blocks(text: str) -> list[tuple[str, str]]:
    "(language, text) of every fenced block; ValueError for a block that could not be run: without bash or python, never closed, or made by indenting."
    found, language, lines = [], None, []
    for number, line in enumerate(text.splitlines(), 1):
        fence = re.match(r"\s*(```+|~~~+)\s*(\S*)", line)
        if fence and language is None:
            language, lines = fence[2], []
            if language not in ("bash", "python"):
                raise ValueError(
                    f"line {number}: a block of {language or 'no language'}; accepted: bash, python"
                )
        elif fence:
            found, language = [*found, (language, "\n".join(lines) + "\n")], None
        elif language is not None:
            lines.append(line)
        elif re.match(r"(    |\t)\S", line):
            raise ValueError(f"line {number}: a block made by indenting; accepted: a fenced one")
    if language is not None:
        raise ValueError("the last block is never closed")
    return found


ran: list[str] = []  # texts of the blocks that were run so far


def installs(text: str) -> bool:
    return text.strip() in INSTALL


def pages() -> list[tuple[str, str, str]]:
    "(name, language, text) of every block of README and index, once; Python blocks with no other between them are one program."
    found = []
    for path in (ROOT / "README.md", ROOT / "nbs/index.ipynb"):
        joins = False
        for i, (language, text) in enumerate(blocks(markdown(path)), 1):
            if text in "\n".join(b[2] for b in found):
                continue
            if joins and language == "python":
                found[-1] = (f"{found[-1][0]}-{i}", language, found[-1][2] + "\n" + text)
            else:
                found.append((f"{path.stem}-{i}", language, text))
            joins = language == "python"
    return found


def execute(language: str, text: str, folder: Path) -> tuple[int, str]:
    "Run a block in `folder`; its exit status and everything it printed. bash stops at the first line that fails."
    env = {**os.environ, "HF_HUB_OFFLINE": "1", "MPLBACKEND": "agg"}
    env["PATH"] = os.pathsep.join([str(folder / ".venv/bin"), str(Path(sys.executable).parent), env["PATH"]])
    env.pop("FIXATE_OUT", None)
    command = (
        ["bash", "-euo", "pipefail", "-c", text.removeprefix(SETUP)]
        if language == "bash"
        else [sys.executable, "-c", text]
    )
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=env,
        text=True,
        encoding="utf-8",
        errors="replace",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        said, _ = process.communicate(timeout=60 * MINUTES)
    except BaseException:
        os.killpg(process.pid, signal.SIGKILL)
        raise
    return process.returncode, said


@pytest.fixture(scope="session")
def clone(tmp_path_factory) -> Path:
    "What a clone holds, with a `.venv` of the commands under test."
    folder = tmp_path_factory.mktemp("stranger") / "fixate"
    shutil.copytree(
        ROOT,
        folder,
        ignore=lambda at, names: [
            n
            for n in names
            if n.startswith(".")
            or n == "__pycache__"
            or n.endswith(".egg-info")
            or Path(at) == ROOT / "data"
            and n != "README.md"
        ],
    )
    home, theirs = folder / ".venv/bin", Path(sys.executable).parent
    home.mkdir(parents=True)
    (home / "fixate").write_text(LITTLE_DEMO.format(python=sys.executable), encoding="utf-8")
    (home / "fixate").chmod(0o755)
    for name in ("python", "python3", "papermill"):
        (home / name).symlink_to(theirs / name)
    (home / "activate").write_text(f'export PATH="{home}:{theirs}:$PATH"\n', encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    "language, text", [pytest.param(*b[1:], id=b[0]) for b in pages() if not installs(b[2])]
)
def test_block_runs(language, text, clone):
    ran.append(text)
    status, said = execute(language, text, clone)
    assert status == 0, said[-4000:]
    assert "is unknown and has no sessions" not in said, said[-4000:]


def test_blocks_leave_what_they_promise(clone):
    if left := [name for name, _, text in pages() if not installs(text) and text not in ran]:
        pytest.skip(f"blocks that were not run: {', '.join(left)}")
    assert [name for name in LEAVES if not (clone / name).is_file()] == []
    look = json.loads((clone / "data/emulate/look.json").read_text(encoding="utf-8"))
    assert len(look["slots"]) == 10 and all(
        abs(sum(s[k] for s in look["slots"]) - 1) < 1e-6 for k in ("attention", "click")
    )


def test_install_lines_are_those_of_the_gate():
    main = [text.strip() for _, text in blocks(markdown(ROOT / "README.md")) if text.startswith(SETUP)]
    left = [text.strip() for _, text in blocks(markdown(ROOT / "README.md")) if installs(text)]
    gate = (ROOT / ".ci/run").read_text(encoding="utf-8")
    assert (
        sorted(left) == sorted(INSTALL)
        and main == [SETUP + ".venv/bin/fixate demo"]
        and all(line in gate for line in left + main)
    )


@pytest.mark.parametrize(
    "text, says",
    {
        "```js\n1\n```": "line 1: a block of js",
        "```bash\ntrue\n": "never closed",
        "a\n\n    fixate demo\n": "line 3: a block made by indenting",
    }.items(),
)
def test_blocks_that_cannot_run_are_refused(text, says):
    with pytest.raises(ValueError, match=says):
        blocks(text)


@pytest.mark.parametrize(
    "language, text",
    [
        ("bash", "false\ntrue\n"),
        ("bash", "false | true\n"),
        ("bash", "echo $NOT_THERE\n"),
        ("python", "assert 1 == 2\n"),
        ("bash", "fixate demo --epochs\n"),
    ],
)
def test_a_failing_block_fails(language, text, clone):
    assert execute(language, text, clone)[0] != 0


# API reference --------------------------------------------------------------------------------------------------------------------
# As CONTRIBUTING says, but with the network refused.
BUILD = """
import socket, sys
def refuse(*_): raise OSError("the API reference must build without network")
socket.socket.connect = socket.create_connection = socket.getaddrinfo = refuse
from pdoc.__main__ import cli
cli(sys.argv[1:])
"""


class Anchors(HTMLParser):
    "The ids on a page, and what it would load or style itself with from elsewhere."

    def __init__(self, text: str):
        super().__init__()
        self.ids, self.foreign = set(), []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        if "id" in attrs:
            self.ids.add(attrs["id"])
        source = attrs.get("href" if tag == "link" else "src") or ""
        if re.match(r"(https?:)?//", source):
            self.foreign.append(source)


def public(module: Path) -> list[str]:
    "Names in a module's `__all__`, and the public methods that its classes define."
    tree = ast.parse(module.read_text(encoding="utf-8"))
    names = next(
        (
            ast.literal_eval(n.value)
            for n in tree.body
            if isinstance(n, ast.Assign) and getattr(n.targets[0], "id", "") == "__all__"
        ),
        [],
    )
    inside = [
        f"{c.name}.{m.name}"
        for c in tree.body
        if isinstance(c, ast.ClassDef) and c.name in names
        for m in c.body
        if isinstance(m, ast.FunctionDef) and not m.name.startswith("_")
    ]
    return [*names, *inside]


def test_api_reference_builds_and_is_complete(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", BUILD, "fixate", "!fixate._modidx", "-o", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    assert "Warn" not in done.stderr, done.stderr[-4000:]
    modules, faults, count = (
        sorted(p for p in (ROOT / "fixate").glob("*.py") if not p.name.startswith("_")),
        [],
        0,
    )
    for module in modules:
        page = Anchors((tmp_path / "fixate" / f"{module.stem}.html").read_text(encoding="utf-8"))
        faults += [
            f"{module.stem}.{name} is not on its page" for name in public(module) if name not in page.ids
        ] + [f"{module.stem}: loads {source}" for source in page.foreign]
        count += len(public(module))
    assert faults == [] and len(modules) > 50 and count > 700
