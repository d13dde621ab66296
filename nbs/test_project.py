"""The house rules: what notebooks and package must keep so that neither falls silently behind the other.

A rule is a function from a project folder to its faults, one line each. Every rule is tried twice: on this project, where it must find
nothing, and on a toy project with the fault planted, where it must find exactly that.
"""

import ast
import filecmp
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
OUTPUT_LIMIT = 200_000  # bytes of stored outputs per notebook
CELL_LINES = 80  # of an export cell, at most
HEADER = re.compile(r"File to edit: (?:\.\./)+(nbs/.+\.ipynb)")
README_RESULTS = re.compile(r"(?ms)^### The demo\n(.+?)(?=^##)")
MACHINE_PATH = re.compile(r"(?<![\w.:/])/(?:home|root|work|Users|tmp)/[\w.-]+")


# Who may import from whom: a room of `fixate/`, and the rooms it may use. `cli` may use everything.
MAY_IMPORT = {
    "core": (),
    "pages": ("core",),
    "recgaze": ("core", "pages"),
    "adserp": ("core", "pages"),
    "importers": ("core", "pages"),
    "synthetic": ("core", "pages", "recgaze", "adserp"),
    "model": ("core", "pages"),
    "probes": ("core", "model"),
    "scoring": ("core",),
    "baselines": ("core", "scoring"),
    "tuning": ("core", "model", "probes", "scoring", "baselines"),
    "evaluation": ("core", "model", "probes", "scoring", "baselines", "tuning"),
    "reports": ("core", "pages", "scoring", "baselines", "evaluation"),
    "emulator": (
        "core",
        "pages",
        "recgaze",
        "model",
        "probes",
        "scoring",
        "baselines",
        "tuning",
        "reports",
        "scanpaths",
    ),
    "experiments": ("core", "synthetic", "model", "probes", "tuning", "evaluation", "emulator"),
    "scanpaths": (
        "core",
        "pages",
        "recgaze",
        "adserp",
        "synthetic",
        "model",
        "probes",
        "scoring",
        "baselines",
        "tuning",
        "evaluation",
    ),
    "reward": ("core", "model", "scoring", "tuning", "evaluation"),
}
MAY_IMPORT["cli"] = tuple(MAY_IMPORT)
# Imports inside the methods of `Emulator`, which hold its public face together and run only when called: (module, what it imports).
LATER: set[tuple[str, str]] = set()


# What the rules look at -----------------------------------------------------------------------------------------------------------
def notebooks(root: Path, folder: str = "nbs") -> list[Path]:
    "Notebooks directly in `folder`."
    return sorted(p for p in (root / folder).glob("*.ipynb") if not p.name.startswith(("_", ".")))


def every_notebook(root: Path) -> list[Path]:
    "All notebooks, in the order of folder and name."
    found = [p.relative_to(root) for p in (root / "nbs").rglob("*.ipynb")]
    return [root / p for p in sorted(found) if not any(part.startswith(("_", ".")) for part in p.parts)]


def cells(notebook: Path, kind: str = "code") -> list[dict]:
    "Cells of one kind, `source` joined to one string."
    read = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    return [cell | {"source": "".join(cell["source"])} for cell in read if cell["cell_type"] == kind]


def directives(notebook: Path, name: str) -> list[str]:
    "What follows `#| name` in the lines of the code cells, '' where nothing does."
    return [
        found
        for cell in cells(notebook)
        for found in re.findall(rf"(?m)^#\|\s*{name}\b[ \t]*(.*)$", cell["source"])
    ]


def modules(root: Path) -> list[Path]:
    "Modules made from notebooks."
    return sorted(p for p in (root / "fixate").rglob("*.py") if p.name not in ("__init__.py", "_modidx.py"))


def source_notebook(module: Path) -> str | None:
    found = HEADER.search(module.read_text(encoding="utf-8"))
    return found and found[1]


def dotted(root: Path, module: Path) -> str:
    "fixate.room.name of a module's file."
    return ".".join(module.relative_to(root).with_suffix("").parts)


def imported(root: Path, module: Path) -> list[tuple[int, str]]:
    "(line, absolute dotted name) of everything a module imports, inside functions too."
    found, package = [], dotted(root, module).split(".")
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name) for alias in node.names]
        if isinstance(node, ast.ImportFrom):
            stem = ".".join(
                [*(package[: -node.level] if node.level else []), *([node.module] if node.module else [])]
            )
            found += [(node.lineno, stem + "." + alias.name) for alias in node.names]
    return found


def inside(root: Path, module: Path, order: dict[str, str]) -> list[tuple[int, str]]:
    "(line, dotted name of the module) of everything a module imports from `fixate`; the bare package is `fixate`."
    found = []
    for line, name in imported(root, module):
        if name.split(".")[0] != "fixate":
            continue
        while name not in order and "." in name:
            name = name.rpartition(".")[0]
        found.append((line, name))
    return sorted(set(found))


def after(root: Path, tmp: Path, command: str, *folders: str) -> Path:
    "A copy of settings and `folders` on which an nbdev command has been run."
    copy = tmp / command
    copy.mkdir()
    shutil.copy(root / "settings.ini", copy)
    for folder in folders:
        shutil.copytree(root / folder, copy / folder, ignore=shutil.ignore_patterns(".*", "__pycache__"))
    done = subprocess.run([Path(sys.executable).parent / command], cwd=copy, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return copy


def ruff(root: Path, *words: str) -> list[str]:
    "What ruff says of a project, a line a fault, with this project's settings."
    command = [
        Path(sys.executable).parent / "ruff",
        *words,
        "--config",
        ROOT / "ruff.toml",
        "--no-cache",
        "--quiet",
    ]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True)
    assert done.returncode < 2, done.stderr
    return [line for line in done.stdout.splitlines() if line.strip()]


def differing(left: Path, right: Path, pattern: str) -> list[str]:
    "Files that only one folder has, or that differ."
    names = {
        p.relative_to(side).as_posix()
        for side in (left, right)
        for p in side.rglob(pattern)
        if ".ipynb_checkpoints" not in p.parts and p.name != "__init__.py"  # a package's promise, by hand
    }
    return sorted(
        n
        for n in names
        if not (
            (left / n).exists() and (right / n).exists() and filecmp.cmp(left / n, right / n, shallow=False)
        )
    )


# The rules ------------------------------------------------------------------------------------------------------------------------
def one_notebook_one_module(root: Path, tmp: Path) -> list[str]:
    "nbdev lets the second of two notebooks with one default_exp overwrite the first without a word."
    owner, faults = {}, []
    for notebook in every_notebook(root):
        for module in directives(notebook, "default_exp"):
            if module in owner:
                faults.append(f"{notebook.name}: default_exp {module} is taken by {owner[module]}")
            owner[module] = notebook.name
    return faults


def no_orphan_module(root: Path, tmp: Path) -> list[str]:
    "Export never deletes: a module whose notebook is gone stays importable."
    return [
        f"{m.name}: {'its notebook ' + n + ' does not exist' if (n := source_notebook(m)) else 'names no notebook in its header'}"
        for m in modules(root)
        if not (n := source_notebook(m)) or not (root / n).exists()
    ]


def package_is_exported(root: Path, tmp: Path) -> list[str]:
    "Notebook and module say the same. After editing a notebook: nbdev_export and ruff format; CONTRIBUTING has the lines."
    copy = after(root, tmp, "nbdev_export", "nbs")
    ruff(copy, "format", "fixate")
    return [
        f"fixate/{name}: differs from what its notebook exports"
        for name in differing(root / "fixate", copy / "fixate", "*.py")
    ]


def notebooks_are_clean(root: Path, tmp: Path) -> list[str]:
    "No execution counts and no stray metadata in git: run nbdev_clean."
    copy = after(root, tmp, "nbdev_clean", "nbs")
    return [f"{name}: nbdev_clean changes it" for name in differing(root / "nbs", copy / "nbs", "*.ipynb")]


def runs_have_parameters(root: Path, tmp: Path) -> list[str]:
    "Without its tag papermill runs the defaults, whatever was asked for, and reports success."
    counts = {
        n.name: sum("parameters" in c["metadata"].get("tags", []) for c in cells(n))
        for n in notebooks(root, "nbs/runs")
    }
    return [
        f"runs/{name}: {n} cells are tagged `parameters`, exactly one is needed"
        for name, n in counts.items()
        if n != 1
    ]


def runs_export_nothing(root: Path, tmp: Path) -> list[str]:
    "What a run notebook needs twice belongs into a component notebook."
    return [
        f"runs/{n.name}: has an export cell"
        for n in notebooks(root, "nbs/runs")
        if directives(n, "(?:export|exports|exporti|default_exp)")
    ]


def kernel_is_python3(root: Path, tmp: Path) -> list[str]:
    "The one kernel name that exists everywhere."
    names = {
        n.name: json.loads(n.read_text(encoding="utf-8"))["metadata"].get("kernelspec", {}).get("name")
        for n in every_notebook(root)
    }
    return [
        f"{notebook}: kernelspec is {name!r}, not 'python3'"
        for notebook, name in names.items()
        if name != "python3"
    ]


def outputs_are_small(root: Path, tmp: Path) -> list[str]:
    "Outputs stay in git's history for ever."
    sizes = {n.name: sum(len(json.dumps(c["outputs"])) for c in cells(n)) for n in every_notebook(root)}
    return [
        f"{name}: {size:,} bytes of outputs, at most {OUTPUT_LIMIT:,}"
        for name, size in sizes.items()
        if size > OUTPUT_LIMIT
    ]


def outputs_name_no_machine(root: Path, tmp: Path) -> list[str]:
    "A path of one machine tells nobody else anything, and changes with every run."
    faults = []
    for notebook in every_notebook(root):
        for number, cell in enumerate(cells(notebook), 1):
            said = [o.get("text", "") for o in cell["outputs"]] + [
                o.get("traceback", "") for o in cell["outputs"]
            ]
            said += [
                d
                for o in cell["outputs"]
                for mime, d in o.get("data", {}).items()
                if mime not in ("image/png", "image/jpeg")
            ]
            found = MACHINE_PATH.search(
                "\n".join("".join(s) if isinstance(s, (str, list)) else json.dumps(s) for s in said)
            )
            if found:
                faults.append(f"{notebook.name}: output of code cell {number} holds the path {found[0]}")
    return faults


def package_needs_no_nbdev(root: Path, tmp: Path) -> list[str]:
    "Whoever imports the package elsewhere should not be held at the old versions that nbdev needs."
    return [
        f"{m.name}:{line}: imports {name}"
        for m in modules(root)
        for line, name in imported(root, m)
        if name.split(".")[0] in ("nbdev", "fastcore", "execnb")
    ]


def reading_order(root: Path) -> dict[str, str]:
    "Dotted name of every module → its notebook; notebooks compare as they are read: by chapter, then by number."
    return {
        dotted(root, m): n for m in modules(root) if (n := source_notebook(m))
    }  # modules without one are orphans


def imports_point_back(root: Path, tmp: Path) -> list[str]:
    "Order of chapter, then of number = reading order = import order, so nothing is used before it is explained."
    order = reading_order(root)
    return [
        f"{module}:{line}: imports {name}, which {order[name]} explains only later"
        for module, notebook in order.items()
        for line, name in inside(root, root / (module.replace(".", "/") + ".py"), order)
        if name in order and order[name] >= notebook and (module, name) not in LATER
    ]


def rooms_keep_their_table(root: Path, tmp: Path) -> list[str]:
    "A room imports from itself and from the rooms that MAY_IMPORT allows it; nobody imports from the bare package, which nbdev_update would break."
    order, faults = reading_order(root), []
    for module in order:
        room = module.split(".")[1]
        for line, name in inside(root, root / (module.replace(".", "/") + ".py"), order):
            other = name.split(".")[1] if "." in name else ""
            if not other:
                faults.append(f"{module}:{line}: imports from the bare package; accepted: a module of a room")
            elif other not in (room, *MAY_IMPORT.get(room, ())) and (module, name) not in LATER:
                faults.append(
                    f"{module}:{line}: imports {name}; {room} may import from: {', '.join(MAY_IMPORT.get(room, ())) or 'nothing'}"
                )
    return faults


def formatted_and_linted(root: Path, tmp: Path) -> list[str]:
    "One statement a line, at most 110 columns, nothing unused: `ruff format nbs fixate` and `ruff check nbs fixate` (settings in ruff.toml)."
    return ruff(root, "format", "--check", "nbs", "fixate") + ruff(
        root, "check", "--output-format", "concise", "nbs", "fixate"
    )


def cells_are_small(root: Path, tmp: Path) -> list[str]:
    "An export cell is one function or one small class: at most CELL_LINES lines, so that it can be read at a glance."
    sizes = {
        (n, c["id"]): sum(
            bool(line.strip()) and not line.startswith("#|") for line in c["source"].splitlines()
        )
        for n in every_notebook(root)
        for c in cells(n)
        if re.match(r"#\|\s*exports?\b", c["source"])
    }
    return [
        f"{n.name}: export cell {cell} has {size} lines, at most {CELL_LINES}"
        for (n, cell), size in sizes.items()
        if size > CELL_LINES
    ]


def private_stays_private(root: Path, tmp: Path) -> list[str]:
    "What another module needs has a public name."
    return [
        f"{m.name}:{line}: imports {name}"
        for m in modules(root)
        for line, name in imported(root, m)
        if name.startswith("fixate.") and name.rpartition(".")[2].startswith("_")
    ]


def known_directives(root: Path, tmp: Path) -> list[str]:
    "A misspelt flag is no flag: nbdev would run the cell, or export nothing."
    flags = re.search(r"(?m)^tst_flags\s*=(.*)$", (root / "settings.ini").read_text(encoding="utf-8"))[
        1
    ].split()
    known = {
        *flags,
        *"default_exp export exports exporti hide hide_input hide_output eval: echo: output: label:".split(),
    }
    return [
        f"{n.name}: unknown directive `#| {word}`"
        for n in every_notebook(root)
        for c in cells(n)
        for word in re.findall(r"(?m)^#\|[ \t]*(\S+)", c["source"])
        if word not in known
    ]


def readme_lists_notebooks(root: Path, tmp: Path) -> list[str]:
    "README's reading order has one row per notebook, with the promise of its first cell."
    rows = [
        line
        for line in (root / "README.md").read_text(encoding="utf-8").splitlines()
        if line.startswith("| [`")
    ]

    def row(notebook: Path) -> str:
        promise = re.search(r"(?m)^> (.+)$", (cells(notebook, "markdown") or [{"source": ""}])[0]["source"])
        name = notebook.relative_to(root / "nbs").with_suffix("").as_posix()
        return f"| [`{name}`](nbs/{name}.ipynb) | {promise[1] if promise else ''} |"

    wanted = [row(n) for n in every_notebook(root) if n.name != "index.ipynb"]  # the way in, not a chapter
    return [f"README.md lacks: {r}" for r in wanted if r not in rows] + [
        f"README.md has a row too many: {r}" for r in rows if r not in wanted
    ]


def public_names_have_docstrings(root: Path, tmp: Path) -> list[str]:
    "The API reference is made of docstrings: every public function, class and method has one."
    faults = []

    def look(nodes, path):
        for node in nodes:
            if not isinstance(
                node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
            ) or node.name.startswith("_"):
                continue
            if not ast.get_docstring(node):
                faults.append(f"{path}.{node.name}: no docstring")
            if isinstance(node, ast.ClassDef):
                look(node.body, f"{path}.{node.name}")

    for module in modules(root):
        look(ast.parse(module.read_text(encoding="utf-8")).body, module.stem)
    return faults


def index_shows_the_results(root: Path, tmp: Path) -> list[str]:
    "index.ipynb prints README's section `The demo`; what it keeps must be what README says: execute it again."
    section = README_RESULTS.search((root / "README.md").read_text(encoding="utf-8"))
    if not section:
        return ["README.md: no section '### The demo'"]
    shown = [
        "".join(o.get("data", {}).get("text/markdown", []))
        for c in cells(root / "nbs/index.ipynb")
        for o in c["outputs"]
    ]
    return (
        []
        if section[1].strip() in [s.strip() for s in shown]
        else ["index.ipynb: no output is README's section '### The demo'"]
    )


def one_version(root: Path, tmp: Path) -> list[str]:
    "settings.ini, CITATION.cff and the newest entry of CHANGELOG.md name one version."
    version = re.search(r"(?m)^version\s*=\s*(\S+)", (root / "settings.ini").read_text(encoding="utf-8"))[1]
    others = {"CITATION.cff": r"(?m)^version: (\S+)", "CHANGELOG.md": r"(?m)^## (\d\S*)"}
    found = {
        name: re.search(pattern, (root / name).read_text(encoding="utf-8"))
        for name, pattern in others.items()
    }
    return [
        f"{name}: version {m and m[1]}, settings.ini has {version}"
        for name, m in found.items()
        if not m or m[1] != version
    ]


RULES = [
    one_notebook_one_module,
    no_orphan_module,
    package_is_exported,
    notebooks_are_clean,
    runs_have_parameters,
    runs_export_nothing,
    kernel_is_python3,
    outputs_are_small,
    outputs_name_no_machine,
    package_needs_no_nbdev,
    imports_point_back,
    rooms_keep_their_table,
    formatted_and_linted,
    cells_are_small,
    private_stays_private,
    known_directives,
    readme_lists_notebooks,
    public_names_have_docstrings,
    index_shows_the_results,
    one_version,
]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_house(rule, tmp_path):
    faults = rule(ROOT, tmp_path)
    assert not faults, "\n".join([rule.__doc__, *faults])


# The same rules where they must find something --------------------------------------------------------------------------------------
def write(path: Path, *sources: str, tags=None, kernel="python3", outputs=()) -> Path:
    "A notebook of code cells; `tags` go to the first cell, `outputs` to the last."
    made = [
        dict(
            cell_type="code",
            id=f"c{i:07}",
            metadata={},
            source=source.splitlines(True),
            execution_count=None,
            outputs=[],
        )
        for i, source in enumerate(sources)
    ]
    if tags:
        made[0]["metadata"]["tags"] = tags
    made[-1]["outputs"] = list(outputs)
    metadata = dict(kernelspec=dict(display_name=kernel, language="python", name=kernel))
    whole = dict(cells=made, metadata=metadata, nbformat=4, nbformat_minor=5)
    path.write_text(json.dumps(whole, indent=1, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8")
    return path


def said(text: str) -> dict:
    return dict(output_type="stream", name="stdout", text=text.splitlines(True))


@pytest.fixture(scope="session")
def sound(tmp_path_factory) -> Path:
    "A toy project without a fault: two component notebooks, their modules, a run notebook."
    root = tmp_path_factory.mktemp("sound")
    shutil.copy(ROOT / "settings.ini", root)
    for folder in ("01_core", "02_pages", "runs"):
        (root / "nbs" / folder).mkdir(parents=True)
    write(
        root / "nbs/01_core/10_one.ipynb",
        "#| default_exp core.one",
        "#| export\nimport json\ndef one():\n    'One.'\n    return 1",
        "one()",
    )
    write(
        root / "nbs/02_pages/10_two.ipynb",
        "#| default_exp pages.two",
        "#| export\nfrom fixate.core.one import one\ndef two():\n    'Two.'\n    return one() + 1",
        "two()",
    )
    write(root / "nbs/runs/20_go.ipynb", "user = 'u1'", "print(user)", tags=["parameters"])
    write(
        root / "nbs/index.ipynb",
        "1",
        outputs=[dict(output_type="display_data", metadata={}, data={"text/markdown": ["won: one"]})],
    )
    rows = [f"| [`{n}`](nbs/{n}.ipynb) |  |\n" for n in ("01_core/10_one", "02_pages/10_two", "runs/20_go")]
    (root / "README.md").write_text(
        "### The demo\n\nwon: one\n\n## All\n\n" + "".join(rows), encoding="utf-8"
    )
    version = re.search(r"(?m)^version\s*=\s*(\S+)", (root / "settings.ini").read_text(encoding="utf-8"))[1]
    (root / "CITATION.cff").write_text(f"version: {version}\n", encoding="utf-8")
    (root / "CHANGELOG.md").write_text(f"## {version}\n", encoding="utf-8")
    exported = after(root, root, "nbdev_export", "nbs")
    shutil.move(exported / "fixate", root / "fixate")
    shutil.rmtree(exported)
    ruff(root, "format", "nbs", "fixate")
    return root


def edit(path: Path, old: str, new: str):
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace(old, new) if old else text + new, encoding="utf-8")


FAULTS = {
    one_notebook_one_module: lambda r: write(r / "nbs/02_copy.ipynb", "#| default_exp core.one"),
    no_orphan_module: lambda r: (r / "nbs/02_pages/10_two.ipynb").unlink(),
    package_is_exported: lambda r: edit(r / "fixate/core/one.py", "return 1", "return 3"),
    notebooks_are_clean: lambda r: edit(
        r / "nbs/01_core/10_one.ipynb", '"execution_count": null', '"execution_count": 7'
    ),
    runs_have_parameters: lambda r: write(r / "nbs/runs/20_go.ipynb", "user = 'u1'"),
    runs_export_nothing: lambda r: write(
        r / "nbs/runs/20_go.ipynb", "user = 'u1'", "#| export\ndef f(): pass", tags=["parameters"]
    ),
    kernel_is_python3: lambda r: write(r / "nbs/02_three.ipynb", "1", kernel="conda-env"),
    outputs_are_small: lambda r: write(
        r / "nbs/02_three.ipynb", "1", outputs=[said("x" * (OUTPUT_LIMIT + 1))]
    ),
    outputs_name_no_machine: lambda r: write(
        r / "nbs/02_three.ipynb", "1", outputs=[said("saved to " + "/home" + "/ada/out.png")]
    ),
    package_needs_no_nbdev: lambda r: edit(
        r / "fixate/core/one.py", "", "def f():\n    from fastcore.basics import L\n"
    ),
    rooms_keep_their_table: lambda r: edit(r / "fixate/core/one.py", "", "from ..pages.two import two\n"),
    formatted_and_linted: lambda r: edit(r / "fixate/core/one.py", "return 1", "x = 1; return x"),
    cells_are_small: lambda r: write(r / "nbs/02_three.ipynb", "#| export\n" + "x = 1\n" * (CELL_LINES + 1)),
    private_stays_private: lambda r: edit(r / "fixate/pages/two.py", "", "from ..core.one import _one\n"),
    imports_point_back: lambda r: edit(r / "fixate/core/one.py", "", "from ..pages.two import two\n"),
    known_directives: lambda r: write(r / "nbs/02_three.ipynb", "#| exprt\n1"),
    readme_lists_notebooks: lambda r: write(r / "nbs/02_three.ipynb", "1"),
    public_names_have_docstrings: lambda r: edit(r / "fixate/pages/two.py", "'Two.'", "2"),
    index_shows_the_results: lambda r: edit(r / "README.md", "won: one", "won: two"),
    one_version: lambda r: edit(r / "CITATION.cff", "version: ", "version: 9"),
}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_house_finds_the_fault(rule, sound, tmp_path):
    before, faulty = tmp_path / "before", tmp_path / "faulty"
    before.mkdir()
    assert rule(sound, before) == []
    shutil.copytree(sound, faulty)
    FAULTS[rule](faulty)
    assert len(rule(faulty, tmp_path)) == 1


# The collector itself -------------------------------------------------------------------------------------------------------------
def pytest_on(root: Path) -> tuple[dict, str]:
    "Run pytest with this project's conftest on another one; the outcomes counted in its closing line, and all it said."
    shutil.copy(ROOT / "nbs/conftest.py", root / "nbs")
    shutil.copy(ROOT / "pytest.ini", root)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider"], cwd=root, capture_output=True, text=True
    )
    return {
        word: int(n)
        for n, word in re.findall(r"(\d+) (passed|failed|skipped|error)", done.stdout.splitlines()[-1])
    }, done.stdout


def test_notebooks_run(sound, tmp_path):
    root = shutil.copytree(sound, tmp_path / "p")
    write(root / "nbs/02_data.ipynb", "print('skipped: no real data here')", "#| cuda\nraise SystemError")
    write(root / "nbs/03_gpu.ipynb", "#| cuda\n1")
    write(
        root / "nbs/runs/21_out.ipynb",
        "steps = 2",
        "import os, pathlib\nassert pathlib.Path(os.environ['FIXATE_OUT']).is_dir()",
        tags=["parameters"],
    )
    outcome, text = pytest_on(root)
    assert outcome == dict(passed=6, skipped=1), text
    assert (
        "02_data.ipynb: skipped: no real data here" in text
        and "02_data.ipynb: skipped: cells marked '#| cuda'" in text
    )


def test_failing_notebooks_fail(sound, tmp_path):
    root = shutil.copytree(sound, tmp_path / "p")
    write(root / "nbs/02_bad.ipynb", "assert 1 == 2, 'one is not two'")
    write(
        root / "nbs/runs/21_bad.ipynb",
        "steps = 2",
        "raise ValueError(f'{steps} steps are too few')",
        tags=["parameters"],
    )
    outcome, text = pytest_on(root)
    assert outcome == dict(passed=4, failed=2), text
    assert "one is not two" in text and "2 steps are too few" in text
