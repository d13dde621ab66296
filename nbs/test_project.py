"""The house rules, tried twice: on this project, where they find nothing, and where a fault is planted."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import house
import pytest
from house import CELL_LINES, GUIDE_CELLS, MODULE_LINES, OUTPUT_LIMIT, ROOT, RULES


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_house(rule, tmp_path):
    faults = rule(ROOT, tmp_path)
    assert not faults, "\n".join([rule.__doc__, *faults])


# A toy project without a fault ------------------------------------------------------------------------------
OPENING = "# Toy\n> A promise.\n\nInput: nothing. Output: nothing."


def cell(kind: str, number: int, source: str) -> dict:
    "A cell as a notebook keeps it."
    made = {"cell_type": kind, "id": f"c{number:07}", "metadata": {}, "source": source.splitlines(True)}
    return made | ({"execution_count": None, "outputs": []} if kind == "code" else {})


def write(path: Path, *sources: str, tags=None, kernel="python3", outputs=(), opening=OPENING) -> Path:
    "A notebook of an opening and code cells; `tags` go to the first code cell, `outputs` to the last."
    made = [cell("markdown", 0, opening)] + [cell("code", n, source) for n, source in enumerate(sources, 1)]
    if tags:
        made[1]["metadata"]["tags"] = tags
    made[-1]["outputs"] = list(outputs)
    metadata = {"kernelspec": {"display_name": kernel, "language": "python", "name": kernel}}
    whole = {"cells": made, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(whole, indent=1, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8")
    return path


def said(text: str) -> dict:
    "An output that was printed."
    return {"output_type": "stream", "name": "stdout", "text": text.splitlines(True)}


def shown(text: str) -> dict:
    "An output that is Markdown."
    return {"output_type": "display_data", "metadata": {}, "data": {"text/markdown": [text]}}


ONE = "#| export\ndef one():\n    'One.'\n    return 1"
TWO = "#| export\nfrom fixate.core.one import one\n\n\ndef two():\n    'Two.'\n    return one() + 1"
README = """# Toy

[walk](nbs/index.ipynb)

| method | KL ↓ |
|---|---|
| fixate | 0.500 |
| frozen | 0.700 |
| uniform | 0.900 |

| chapter | what it is about | first notebook |
|---|---|---|
| `core` | The core. | [10_one](nbs/01_core/10_one.ipynb) |
| `pages` | The pages. | [10_two](nbs/02_pages/10_two.ipynb) |
"""
SUMMARY = {"rows": [["fixate", 0.5], ["frozen", 0.7], ["uniform", 0.9]]}


@pytest.fixture(scope="session")
def sound(tmp_path_factory) -> Path:
    "Two component notebooks, their modules, a run notebook, a guide, README, and what names a version."
    root = tmp_path_factory.mktemp("sound")
    shutil.copy(ROOT / "settings.ini", root)
    write(root / "nbs/01_core/10_one.ipynb", "#| default_exp core.one", ONE, "one()")
    write(root / "nbs/02_pages/10_two.ipynb", "#| default_exp pages.two", TWO, "two()")
    write(root / "nbs/runs/20_go.ipynb", 'user = "u1"', "print(user)", tags=["parameters"])
    write(root / "nbs/guides/10_how.ipynb", "1")
    names = ("01_core/10_one", "02_pages/10_two", "guides/10_how", "runs/20_go")
    rows = "\n".join(f"| [Toy]({name}.ipynb) | A promise. |" for name in names)
    write(root / "nbs/index.ipynb", "1", outputs=[shown(rows)])
    (root / "nbs/results").mkdir()
    (root / "nbs/results/demo.json").write_text(json.dumps(SUMMARY), encoding="utf-8")
    (root / "README.md").write_text(README, encoding="utf-8")
    version = re.search(r"(?m)^version\s*=\s*(\S+)", (root / "settings.ini").read_text(encoding="utf-8"))[1]
    (root / "CITATION.cff").write_text(f"version: {version}\n", encoding="utf-8")
    (root / "CHANGELOG.md").write_text(f"## {version}\n", encoding="utf-8")
    house.ruff(root, "format", "nbs")
    exported = house.after(root, root, "nbdev_export", "nbs")
    shutil.move(exported / "fixate", root / "fixate")
    shutil.rmtree(exported)
    for room in ("core", "pages"):
        (root / f"fixate/{room}/__init__.py").write_text(f'"""The {room}."""\n', encoding="utf-8")
    house.ruff(root, "format", "fixate")
    return root


# The same rules where they must find something -------------------------------------------------------------
def edit(path: Path, old: str, new: str):
    "Replace `old` in a file, or write `new` at its end where `old` is empty."
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new) if old else text + new, encoding="utf-8")


def third(root: Path, *sources: str, **how) -> Path:
    "One more notebook, not in a chapter."
    return write(root / "nbs/03_three.ipynb", *sources, **how)


def one(root: Path, old: str, new: str):
    "Edit the first module."
    edit(root / "fixate/core/one.py", old, new)


def two(root: Path, old: str, new: str):
    "Edit the second module."
    edit(root / "fixate/pages/two.py", old, new)


def readme(root: Path, old: str, new: str):
    "Edit README."
    edit(root / "README.md", old, new)


PARAMETERS = 'user = "u1"'
HOME = "/home" + "/ada/out.png"
FAULTS = {
    "one_notebook_one_module": lambda r: third(r, "#| default_exp core.one"),
    "no_orphan_module": lambda r: (r / "nbs/02_pages/10_two.ipynb").unlink(),
    "package_is_exported": lambda r: one(r, "return 1", "return 3"),
    "notebooks_are_clean": lambda r: edit(
        r / "nbs/guides/10_how.ipynb", '"execution_count": null', '"execution_count": 7'
    ),
    "runs_have_parameters": lambda r: write(r / "nbs/runs/20_go.ipynb", PARAMETERS),
    "runs_export_nothing": lambda r: write(r / "nbs/runs/20_go.ipynb", PARAMETERS, ONE, tags=["parameters"]),
    "kernel_is_python3": lambda r: third(r, "1", kernel="conda-env"),
    "outputs_are_small": lambda r: third(r, "1", outputs=[said("x" * (OUTPUT_LIMIT + 1))]),
    "outputs_name_no_machine": lambda r: third(r, "1", outputs=[said(f"saved to {HOME}")]),
    "package_needs_no_nbdev": lambda r: one(r, "", "def f():\n    from fastcore.basics import L\n"),
    "imports_point_back": lambda r: one(r, "", "from ..pages.two import two\n"),
    "rooms_keep_their_table": lambda r: one(r, "", "from ..pages.two import two\n"),
    "formatted_and_linted": lambda r: third(r, "import json"),
    "cells_are_small": lambda r: third(r, "#| export\n" + "x = 1\n" * (CELL_LINES + 1)),
    "most_cells_are_smaller": lambda r: third(r, *["#| export\n" + "x = 1\n" * 30] * 9),
    "modules_are_short": lambda r: one(r, "", "x = 1\n" * MODULE_LINES),
    "one_name_one_meaning": lambda r: two(r, "", "def one():\n    'Another.'\n"),
    "private_stays_private": lambda r: two(r, "", "from ..core.one import _one\n"),
    "known_directives": lambda r: third(r, "#| exprt\n1"),
    "notebooks_open_alike": lambda r: third(r, "1", opening="# Toy\n> A promise.\n\nOutput: nothing."),
    "names_are_unique": lambda r: write(r / "nbs/runs/10_one.ipynb", PARAMETERS, tags=["parameters"]),
    "guides_are_short": lambda r: write(r / "nbs/guides/10_how.ipynb", *["1"] * GUIDE_CELLS),
    "readme_lists_chapters": lambda r: readme(r, "| `pages` | The pages. |", "| `pages` | Something else |"),
    "readme_is_short": lambda r: readme(r, "", "x" * 161 + "\n"),
    "readme_links_lead_somewhere": lambda r: readme(r, "", "[gone](nbs/gone.ipynb)\n"),
    "readme_shows_the_summary": lambda r: readme(r, "0.700", "0.600"),
    "index_is_up_to_date": lambda r: third(r, "1"),
    "public_names_have_docstrings": lambda r: two(r, '"Two."', "2"),
    "one_version": lambda r: edit(r / "CITATION.cff", "version: ", "version: 9"),
}
TWO_LINES = ("readme_lists_chapters",)  # a changed row is one row missing and another too many


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_house_finds_the_fault(rule, sound, tmp_path):
    before, faulty = tmp_path / "before", tmp_path / "faulty"
    before.mkdir()
    assert rule(sound, before) == []
    shutil.copytree(sound, faulty)
    FAULTS[rule.__name__](faulty)
    assert len(rule(faulty, tmp_path)) == 1 + (rule.__name__ in TWO_LINES)


# The top of the package ------------------------------------------------------------------------------------
HEAVY = ("torch", "transformers", "pandas", "matplotlib", "PIL")


@pytest.mark.parametrize("line", ["import fixate", "from fixate import FixateError"])
def test_the_top_is_light(line):
    "The package, and its errors, come without the libraries that take seconds."
    assert loaded_by(line) == []


def test_every_name_of_the_top_is_there():
    import fixate

    for name in fixate.__all__:
        found = getattr(fixate, name)
        assert found.__name__ == name and found.__module__ == f"fixate.{fixate._WHERE[name]}"
    assert set(fixate.__all__) == set(fixate._WHERE) <= set(dir(fixate))
    with pytest.raises(AttributeError, match="module 'fixate' has no attribute 'emulate'"):
        fixate.emulate  # noqa: B018


def loaded_by(line: str) -> list[str]:
    "Which of the heavy libraries a fresh process has loaded after a line of Python."
    program = f"import sys\n{line}\nprint(*[name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@pytest.mark.parametrize("words", [["--version"], ["--help"], ["train", "--help"]], ids=" ".join)
def test_the_command_answers_lightly(words):
    "Help and version of the command load nothing heavy either."
    ask = "try:\n    main({!r})\nexcept SystemExit as end:\n    assert not end.code".format(words)
    line = "import contextlib, io\nfrom fixate.cli import main\n"
    line += "with contextlib.redirect_stdout(io.StringIO()):\n"
    assert loaded_by(line + "\n".join("    " + row for row in ask.splitlines())) == []
