"""README as a stranger uses it, and the site.

Every fenced block of README runs as it is written, in the order of the page, in a folder that holds what a
clone holds. Two things differ from what a stranger does. What installs is left to .ci/run, which runs it word
for word; in its place there is a `.venv` whose commands are those of the environment under test. And its demo
is `fixate demo --quick`; every other command gets the arguments that the page gives it.
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
from house import ROOT, every_notebook

MINUTES = 10  # a block that takes longer is stopped
SETUP = "python3 -m venv .venv && .venv/bin/pip install -c constraints.txt -e . && "  # of the main job
TESTS = "python3 -m venv .venv && .venv/bin/pip install -c constraints.txt -e '.[dev]' && .venv/bin/pytest"
LEAVES = [
    "data/demo/report/index.html",
    "data/demo/look.png",
    "data/emulate/look.png",
    "data/try/report/index.html",
    "data/try/out.ipynb",
    "data/try/one/record.json",
]

# `fixate` of the stranger's folder: the command under test, but for the size of the demo.
QUICK_DEMO = """#!{python}
import sys

from fixate.cli import main

if __name__ == "__main__":  # processes that prepare in parallel import this file again
    quick = ["--quick"] if sys.argv[1:] == ["demo"] else []
    sys.exit(main(sys.argv[1:] + quick))
"""


# Blocks -----------------------------------------------------------------------------------------------------
def blocks(text: str) -> list[tuple[str, str]]:
    """(language, text) of every fenced block.

    ValueError for a block that could not be run: of no known language, never closed, or made by indenting.
    """
    found, language, lines = [], None, []
    for number, line in enumerate(text.splitlines(), 1):
        fence = re.match(r"\s*(```+|~~~+)\s*(\S*)", line)
        if fence and language is None:
            language, lines = fence[2], []
            if language not in ("bash", "python"):
                name = language or "no language"
                raise ValueError(f"line {number}: a block of {name}; accepted: bash, python")
        elif fence:
            found.append((language, "\n".join(lines) + "\n"))
            language = None
        elif language is not None:
            lines.append(line)
        elif re.match(r"(    |\t)\S", line):
            raise ValueError(f"line {number}: a block made by indenting; accepted: a fenced one")
    if language is not None:
        raise ValueError("the last block is never closed")
    return found


def readme_blocks() -> list[tuple[str, str]]:
    "All blocks of README."
    return blocks((ROOT / "README.md").read_text(encoding="utf-8"))


def to_run() -> list[tuple[str, str, str]]:
    "(name, language, text) of every block of README but the one that installs for the tests."
    numbered = enumerate(readme_blocks(), 1)
    return [(f"README-{n}", language, text) for n, (language, text) in numbered if text.strip() != TESTS]


def execute(language: str, text: str, folder: Path) -> tuple[int, str]:
    "Run a block in `folder`; its exit status and all it printed. bash stops at the first line that fails."
    env = {**os.environ, "HF_HUB_OFFLINE": "1", "MPLBACKEND": "agg"}
    env["PATH"] = os.pathsep.join([str(folder / ".venv/bin"), str(Path(sys.executable).parent), env["PATH"]])
    env.pop("FIXATE_OUT", None)
    bash = ["bash", "-euo", "pipefail", "-c", text.removeprefix(SETUP)]
    process = subprocess.Popen(
        bash if language == "bash" else [sys.executable, "-c", text],
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


def not_in_a_clone(folder: str, names: list[str]) -> list[str]:
    "What of a working folder a clone does not hold."
    data = [name for name in names if Path(folder) == ROOT / "data" and name != "README.md"]
    made = [n for n in names if n.startswith((".", "_site")) or n == "__pycache__" or n.endswith(".egg-info")]
    return data + made


@pytest.fixture(scope="session")
def clone(tmp_path_factory) -> Path:
    "What a clone holds, with a `.venv` of the commands under test."
    folder = tmp_path_factory.mktemp("stranger") / "fixate"
    shutil.copytree(ROOT, folder, ignore=not_in_a_clone)
    home, theirs = folder / ".venv/bin", Path(sys.executable).parent
    home.mkdir(parents=True)
    (home / "fixate").write_text(QUICK_DEMO.format(python=sys.executable), encoding="utf-8")
    (home / "fixate").chmod(0o755)
    for name in ("python", "python3", "papermill"):
        (home / name).symlink_to(theirs / name)
    (home / "activate").write_text(f'export PATH="{home}:{theirs}:$PATH"\n', encoding="utf-8")
    return folder


ran: list[str] = []  # texts of the blocks that were run so far


@pytest.mark.parametrize("language, text", [pytest.param(*block[1:], id=block[0]) for block in to_run()])
def test_block_runs(language, text, clone):
    ran.append(text)
    status, said = execute(language, text, clone)
    assert status == 0, said[-4000:]
    assert "is unknown and has no sessions" not in said, said[-4000:]


def test_blocks_leave_what_they_promise(clone):
    if left := [name for name, _, text in to_run() if text not in ran]:
        pytest.skip(f"blocks that were not run: {', '.join(left)}")
    assert [name for name in LEAVES if not (clone / name).is_file()] == []
    look = json.loads((clone / "data/emulate/look.json").read_text(encoding="utf-8"))
    assert len(look["slots"]) == 10
    for key in ("attention", "click"):
        assert abs(sum(slot[key] for slot in look["slots"]) - 1) < 1e-6


def test_set_up_lines_are_those_of_the_gate():
    lines = [text.strip() for _, text in readme_blocks() if text.startswith("python3 -m venv")]
    assert sorted(lines) == sorted([SETUP + ".venv/bin/fixate demo", TESTS])
    gate = (ROOT / ".ci/run").read_text(encoding="utf-8")
    assert all(line in gate for line in lines)


BROKEN = {
    "```js\n1\n```": "line 1: a block of js",
    "```bash\ntrue\n": "never closed",
    "a\n\n    fixate demo\n": "line 3: a block made by indenting",
}


@pytest.mark.parametrize("text, says", BROKEN.items())
def test_blocks_that_cannot_run_are_refused(text, says):
    with pytest.raises(ValueError, match=says):
        blocks(text)


FAILING = [
    ("bash", "false\ntrue\n"),
    ("bash", "false | true\n"),
    ("bash", "echo $NOT_THERE\n"),
    ("python", "assert 1 == 2\n"),
    ("bash", "fixate demo --epochs\n"),
]


@pytest.mark.parametrize("language, text", FAILING)
def test_a_failing_block_fails(language, text, clone):
    assert execute(language, text, clone)[0] != 0


# The site ---------------------------------------------------------------------------------------------------
# As CONTRIBUTING says, but with the network refused, in this process and in pdoc's.
BUILD = """
import runpy, socket, sys
def refuse(*_): raise OSError("the site must build without network")
socket.socket.connect = socket.create_connection = socket.getaddrinfo = refuse
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


class Parsed(HTMLParser):
    "The ids on a page, its links, and what it would load from elsewhere."

    def __init__(self, text: str):
        super().__init__()
        self.ids, self.links, self.foreign, self.formulas = set(), [], [], 0
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.formulas += tag == "math"
        if "id" in attrs:
            self.ids.add(attrs["id"])
        if tag == "a" and attrs.get("href"):
            self.links.append(attrs["href"])
        source = attrs.get("href" if tag == "link" else "src") or ""
        if re.match(r"(https?:)?//", source):
            self.foreign.append(source)


@pytest.fixture(scope="session")
def site(tmp_path_factory) -> dict[str, Parsed]:
    "Every page of the site, built once."
    out = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-c", BUILD, str(ROOT / "nbs/build_site.py"), str(out)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-4000:]
    assert "Warn" not in done.stderr, done.stderr[-4000:]
    pages = sorted(out.rglob("*.html"))
    return {p.relative_to(out).as_posix(): Parsed(p.read_text(encoding="utf-8")) for p in pages}


def test_the_site_is_whole(site):
    "Each notebook has a page that the first one links to; no link leads nowhere, nothing is loaded."
    wanted = [n.relative_to(ROOT / "nbs").with_suffix(".html").as_posix() for n in every_notebook(ROOT)]
    wanted = ["walk.html" if name == "index.html" else name for name in wanted]
    assert set(wanted) <= set(site) and set(wanted) <= set(site["index.html"].links)
    assert [name for name, page in site.items() if page.foreign] == []
    ours = {name: page for name, page in site.items() if not name.startswith("api/")}
    dead = []
    for name, page in ours.items():
        for link in page.links:
            aim = os.path.normpath(os.path.join(os.path.dirname(name), link.partition("#")[0]))
            if not re.match(r"[a-z]+:|#", link) and aim not in site:
                dead.append(f"{name}: {link}")
    assert dead == []
    assert site["07_probes/10_probe.html"].formulas > 5


def public(module: Path) -> list[str]:
    "Names in a module's `__all__`, and the public methods that its classes define."
    names, inside = [], []
    body = ast.parse(module.read_text(encoding="utf-8")).body
    for node in body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__all__":
            names = ast.literal_eval(node.value)
    for node in body:
        if isinstance(node, ast.ClassDef) and node.name in names:
            methods = [m.name for m in node.body if isinstance(m, ast.FunctionDef)]
            inside += [f"{node.name}.{name}" for name in methods if not name.startswith("_")]
    return [*names, *inside]


def test_api_reference_is_complete(site):
    modules = sorted(p for p in (ROOT / "fixate").rglob("*.py") if not p.name.startswith("_"))
    faults, count = [], 0
    for module in modules:
        name = module.relative_to(ROOT).with_suffix("").as_posix()
        ids = site[f"api/{name}.html"].ids
        faults += [f"{name}.{word} is not on its page" for word in public(module) if word not in ids]
        count += len(public(module))
    assert faults == []
    assert len(modules) > 50 and count > 700
