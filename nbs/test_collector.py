"""The collector in conftest.py: notebooks run, failing ones fail, what is left out is named."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

from house import ROOT
from test_project import sound, write  # noqa: F401  (sound is a fixture)


def pytest_on(root: Path, *words: str) -> tuple[dict, str]:
    "Run pytest with this project's conftest on another one; the outcomes it counts, and all it said."
    shutil.copy(ROOT / "nbs/conftest.py", root / "nbs")
    shutil.copy(ROOT / "pytest.ini", root)
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *words]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True)
    closing = done.stdout.splitlines()[-1]
    return {
        word: int(n) for n, word in re.findall(r"(\d+) (passed|failed|skipped|error)", closing)
    }, done.stdout


def test_notebooks_run(sound, tmp_path):  # noqa: F811
    root = shutil.copytree(sound, tmp_path / "p")
    write(root / "nbs/04_data.ipynb", "print('skipped: no real data here')", "#| cuda\nraise SystemError")
    write(root / "nbs/05_gpu.ipynb", "#| cuda\n1")
    folder = "import os, pathlib\nassert pathlib.Path(os.environ['FIXATE_OUT']).is_dir()"
    write(root / "nbs/runs/21_out.ipynb", "steps = 2", folder, tags=["parameters"])
    outcome, text = pytest_on(root)
    assert outcome == {"passed": 7, "skipped": 1}, text
    assert "04_data.ipynb: skipped: no real data here" in text
    assert "04_data.ipynb: skipped: cells marked '#| cuda'" in text


def test_failing_notebooks_fail(sound, tmp_path):  # noqa: F811
    root = shutil.copytree(sound, tmp_path / "p")
    write(root / "nbs/04_bad.ipynb", "assert 1 == 2, 'one is not two'")
    write(
        root / "nbs/runs/21_bad.ipynb", "n = 2", "raise ValueError(f'{n} are too few')", tags=["parameters"]
    )
    outcome, text = pytest_on(root)
    assert outcome == {"passed": 5, "failed": 2}, text
    assert "one is not two" in text and "2 are too few" in text


def test_a_notebook_is_found_by_its_name(sound, tmp_path):  # noqa: F811
    root = shutil.copytree(sound, tmp_path / "p")
    outcome, text = pytest_on(root, "-k", "10_two")
    assert outcome == {"passed": 1}, text
