"""Every notebook is one test: nbs/runs/* by papermill with default parameters, others cell by cell.

Each runs in a process of its own.
"""

import os
import re
import signal
import subprocess
import sys
from configparser import ConfigParser
from pathlib import Path

import pytest

NBS = Path(__file__).resolve().parent
ROOT = NBS.parent
MINUTES = 20  # a notebook that takes longer is stopped
SKIPPED = 77  # exit status of a component notebook none of whose cells ran
TAIL = 60  # lines of a failing notebook's own output to show

# A notebook may leave real-data checks out where there are no data, and says so in a line "skipped: ...".
# nbdev keeps what a notebook prints to itself, hence the shell that repeats those lines. Cells left out by a
# flag in settings.ini (`#| cuda`) are named likewise.
COMPONENT = (
    """
import sys
from pathlib import Path
import nbdev.test as tested

notebook, root, flags = Path(sys.argv[1]), sys.argv[2], sys.argv[3].split()
ran = 0

class Shell(tested.CaptureShell):
    def cell(self, cell, **kwargs):
        global ran
        super().cell(cell, **kwargs)
        if cell.cell_type != "code": return
        ran += 1
        for output in cell.outputs:
            for line in "".join(output.get("text", [])).splitlines():
                if line.lower().startswith("skip"): print("NOTE", line)

    def run_all(self, nb, **kwargs):
        said = [getattr(c, "directives_", None) or {} for c in nb.cells]
        left_out = sorted({flag for directives in said for flag in flags if flag in directives})
        for flag in left_out: print(f"NOTE skipped: cells marked '#| {flag}'")
        super().run_all(nb, **kwargs)

tested.CaptureShell = Shell
passed, _ = tested.test_nb(notebook, skip_flags=flags, basepath=root)
sys.exit(1 if not passed else 0 if ran else %d)
"""
    % SKIPPED
)


def pytest_configure(config):
    "Share the cores out among the workers: more threads than cores wait for one another, spinning."
    workers = os.environ.get("PYTEST_XDIST_WORKER_COUNT")
    if not workers and config.getoption("numprocesses", None):
        return  # workers would inherit it
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, cores // int(workers or 1))))


def tst_flags() -> str:
    "The flags of settings.ini whose cells a test leaves out."
    config = ConfigParser(delimiters=["="])
    config.read(ROOT / "settings.ini", encoding="utf-8")
    return config["DEFAULT"].get("tst_flags", "")


def run(command: list[str], cwd: Path, **env: str) -> tuple[int, str]:
    "Run `command`; its exit status and all it printed. A late one is killed with its children, kernels too."
    env = {"PYTHONFAULTHANDLER": "1", **os.environ, "HF_HUB_OFFLINE": "1", "MPLBACKEND": "agg", **env}
    process = subprocess.Popen(
        command,
        cwd=cwd,
        env=env,
        text=True,
        encoding="utf-8",
        errors="replace",
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        said, _ = process.communicate(timeout=60 * MINUTES)
        return process.returncode, said
    except BaseException as error:
        os.killpg(process.pid, signal.SIGKILL)
        if isinstance(error, subprocess.TimeoutExpired):
            raise NotebookError(f"stopped after {MINUTES} minutes") from None
        raise


class NotebookError(Exception):
    "A notebook did not run to its end; the message is what it printed last."


class Notebook(pytest.Item):
    "One notebook, run from its first cell to its last."

    def fail(self, said: str):
        said = re.sub(r"\x1b\[[0-9;]*m", "", said).strip()
        raise NotebookError("\n".join(said.splitlines()[-TAIL:]))

    def repr_failure(self, excinfo, style=None):
        return (
            str(excinfo.value)
            if excinfo.errisinstance(NotebookError)
            else super().repr_failure(excinfo, style)
        )

    def reportinfo(self):
        return self.path, None, self.path.relative_to(ROOT).as_posix()


class Component(Notebook):
    "A notebook of the package: all cells in one fresh process, in its own folder, as Jupyter does."

    def runtest(self):
        status, said = run(
            [sys.executable, "-c", COMPONENT, str(self.path), str(ROOT), tst_flags()], self.path.parent
        )
        self.user_properties += [
            ("left out", line.removeprefix("NOTE ")) for line in said.splitlines() if line.startswith("NOTE ")
        ]
        if status == SKIPPED:
            pytest.skip("no cell of this notebook is to be run")
        if status:
            self.fail(said)


class Run(Notebook):
    "A run notebook: papermill, from the project's root, default parameters, results in a temporary folder."

    def runtest(self):
        out = self.config._tmp_path_factory.mktemp(self.path.stem)
        command = [
            sys.executable,
            "-m",
            "papermill",
            str(self.path),
            str(out / self.path.name),
            "--no-progress-bar",
            "--cwd",
            str(ROOT),
        ]
        status, said = run(command, ROOT, FIXATE_OUT=str(out))
        if status:
            self.fail(said)


class NotebookFile(pytest.File):
    def collect(self):
        kind = Run if self.path.parent.name == "runs" else Component
        yield kind.from_parent(self, name=kind.__name__.lower())


# What `pytest -m quick` runs: chapters and tests that need no training.
QUICK = ("01_core", "02_pages", "08_scoring", "09_baselines", "results", "test_project.py")


def pytest_collection_modifyitems(items):
    "Mark the quick ones."
    for item in items:
        if item.path.parent.name in QUICK or item.path.name in QUICK:
            item.add_marker("quick")


def pytest_collect_file(file_path, parent):
    if file_path.suffix != ".ipynb" or not file_path.is_relative_to(NBS):
        return
    if not any(part.startswith(("_", ".")) for part in file_path.relative_to(NBS).parts):
        return NotebookFile.from_parent(parent, path=file_path)


def pytest_terminal_summary(terminalreporter):
    "What notebooks left out, and why, stands above pytest's closing line."
    told = [
        report
        for reports in terminalreporter.stats.values()
        for report in reports
        if getattr(report, "when", "") == "call"
    ]
    for report in sorted(told, key=lambda r: r.nodeid):
        for kind, line in report.user_properties:
            if kind == "left out":
                terminalreporter.write_line(f"{Path(report.nodeid.split('::')[0]).name}: {line}")
