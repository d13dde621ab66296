"""The house rules: what notebooks and package must keep so that neither falls silently behind the other.

A rule is a function from a project folder to its faults, one line each. `test_project.py` tries each twice.
"""

import ast
import filecmp
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OUTPUT_LIMIT = 200_000  # bytes of stored outputs per notebook
CELL_LINES = 80  # of an export cell, at most
CELL_SHARES = {0.5: 18, 0.9: 40}  # and of half of them, and of nine in ten
MODULE_LINES = 380
GUIDE_CELLS = 15
DIRECTIVES = (
    "default_exp export exports exporti hide hide_input hide_output eval: echo: output: label:".split()
)
HEADER = re.compile(r"File to edit: (?:\.\./)+(nbs/.+\.ipynb)")
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
        *("core", "pages", "recgaze", "model", "probes", "scoring", "baselines", "tuning", "reports"),
        "scanpaths",
    ),
    "experiments": ("core", "synthetic", "model", "probes", "tuning", "evaluation", "emulator"),
    "scanpaths": (
        *("core", "pages", "recgaze", "adserp", "synthetic", "model", "probes", "scoring", "baselines"),
        *("tuning", "evaluation"),
    ),
    "reward": ("core", "model", "scoring", "tuning", "evaluation"),
}
MAY_IMPORT["command"] = MAY_IMPORT["cli"] = (*MAY_IMPORT, "command", "cli")
# Imports inside the methods of `Emulator`, which hold its public face together and run only when called:
# (module, what it imports).
LATER: set[tuple[str, str]] = {
    ("fixate.emulator.emulator", f"fixate.emulator.{module}")
    for module in ("onboard", "calibrate", "steer", "scene", "what_if")
}


# What the rules look at -------------------------------------------------------------------------------------
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
    "The notebook that a module's header names."
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
    "(line, dotted module) of everything a module imports from `fixate`; the bare package is `fixate`."
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


# The rules --------------------------------------------------------------------------------------------------
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
    faults = []
    for module in modules(root):
        notebook = source_notebook(module)
        if not notebook:
            faults.append(f"{module.name}: names no notebook in its header")
        elif not (root / notebook).exists():
            faults.append(f"{module.name}: its notebook {notebook} does not exist")
    return faults


def package_is_exported(root: Path, tmp: Path) -> list[str]:
    "Notebook and module say the same: after editing one, nbdev_export and ruff format (see CONTRIBUTING)."
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
    "Dotted name of every module → its notebook; they compare as they are read, by chapter, then number."
    notebooks_of = {dotted(root, module): source_notebook(module) for module in modules(root)}
    return {module: notebook for module, notebook in notebooks_of.items() if notebook}


def imports_point_back(root: Path, tmp: Path) -> list[str]:
    "Order of chapter, then of number, is import order: nothing is used before it is explained."
    order = reading_order(root)
    return [
        f"{module}:{line}: imports {name}, which {order[name]} explains only later"
        for module, notebook in order.items()
        for line, name in inside(root, root / (module.replace(".", "/") + ".py"), order)
        if name in order and order[name] >= notebook and (module, name) not in LATER
    ]


def rooms_keep_their_table(root: Path, tmp: Path) -> list[str]:
    """A room imports from itself and from the rooms that MAY_IMPORT allows it.

    Nobody imports from the bare package: nbdev_update would break such a line.
    """
    order, faults = reading_order(root), []
    for module in order:
        room = module.split(".")[1]
        for line, name in inside(root, root / (module.replace(".", "/") + ".py"), order):
            other = name.split(".")[1] if "." in name else ""
            if not other:
                faults.append(f"{module}:{line}: imports from the bare package; accepted: a module of a room")
            elif other not in (room, *MAY_IMPORT.get(room, ())) and (module, name) not in LATER:
                allowed = ", ".join(MAY_IMPORT.get(room, ())) or "nothing"
                faults.append(f"{module}:{line}: imports {name}; {room} may import from: {allowed}")
    return faults


def formatted_and_linted(root: Path, tmp: Path) -> list[str]:
    "One statement a line, at most 110 columns, nothing unused: `ruff format` and `ruff check`."
    badly_formatted = ruff(root, "format", "--check", "nbs", "fixate")
    return badly_formatted + ruff(root, "check", "--output-format", "concise", "nbs", "fixate")


def cell_sizes(root: Path) -> dict[tuple[str, str], int]:
    "(notebook, id) of every export cell → its lines that are neither blank nor directives."
    sizes = {}
    for notebook in every_notebook(root):
        for cell in cells(notebook):
            if re.match(r"#\|\s*exports?\b", cell["source"]):
                lines = [line for line in cell["source"].splitlines() if line.strip()]
                sizes[notebook.name, cell["id"]] = sum(not line.startswith("#|") for line in lines)
    return sizes


def cells_are_small(root: Path, tmp: Path) -> list[str]:
    "An export cell is one function or one small class, so that it can be read at a glance."
    return [
        f"{notebook}: export cell {cell} has {size} lines, at most {CELL_LINES}"
        for (notebook, cell), size in cell_sizes(root).items()
        if size > CELL_LINES
    ]


def most_cells_are_smaller(root: Path, tmp: Path) -> list[str]:
    "Half of the export cells, and nine in ten, have at most so many lines (CELL_SHARES)."
    sizes, faults = sorted(cell_sizes(root).values()), []
    for share, most in CELL_SHARES.items():
        if sizes and sizes[int(share * len(sizes))] > most:
            faults.append(
                f"export cells: {sizes[int(share * len(sizes))]} lines at {share:.0%}, at most {most}"
            )
    return faults[:1]


def modules_are_short(root: Path, tmp: Path) -> list[str]:
    "A module of more than MODULE_LINES lines is two ideas."
    lengths = {m: len(m.read_text(encoding="utf-8").splitlines()) for m in modules(root)}
    return [
        f"{dotted(root, module)}: {length} lines, at most {MODULE_LINES}"
        for module, length in lengths.items()
        if length > MODULE_LINES
    ]


def public_names(root: Path) -> list[tuple[str, str]]:
    "(name, dotted module) of every public function, class and constant that a module defines."
    found = []
    for module in modules(root):
        for node in ast.parse(module.read_text(encoding="utf-8")).body:
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
                found.append((node.name, dotted(root, module)))
            if isinstance(node, ast.Assign):
                targets = [
                    t.id for target in node.targets for t in ast.walk(target) if isinstance(t, ast.Name)
                ]
                found += [(target, dotted(root, module)) for target in targets]
    return [(name, module) for name, module in found if not name.startswith("_")]


def one_name_one_meaning(root: Path, tmp: Path) -> list[str]:
    "No public name stands in two modules for two things; metrics of `scoring` and `scanpaths` may share one."
    owners: dict[str, list[str]] = {}
    for name, module in public_names(root):
        owners.setdefault(name, []).append(module)
    faults = []
    for name, found in owners.items():
        rooms = {module.split(".")[1] for module in found}
        if len(set(found)) > 1 and rooms != {"scoring", "scanpaths"}:
            faults.append(f"{name}: stands in {', '.join(sorted(set(found)))}")
    return faults


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
    settings = (root / "settings.ini").read_text(encoding="utf-8")
    flags = re.search(r"(?m)^tst_flags\s*=(.*)$", settings)[1].split()
    known = {*flags, *DIRECTIVES}
    return [
        f"{n.name}: unknown directive `#| {word}`"
        for n in every_notebook(root)
        for c in cells(n)
        for word in re.findall(r"(?m)^#\|[ \t]*(\S+)", c["source"])
        if word not in known
    ]


def notebooks_open_alike(root: Path, tmp: Path) -> list[str]:
    "The first cell says what a notebook is about (`# Title`, `> promise`), what goes in and what comes out."
    faults = []
    for notebook in every_notebook(root):
        first = (cells(notebook, "markdown") or [{"source": ""}])[0]["source"]
        needed = {
            "# Title": r"(?m)^# \S",
            "> promise": r"(?m)^> \S",
            "Input:": r"Input: ",
            "Output:": r"Output: ",
        }
        missing = [what for what, pattern in needed.items() if not re.search(pattern, first)]
        if missing:
            faults.append(f"{notebook.relative_to(root)}: the first cell lacks {', '.join(missing)}")
    return faults


def names_are_unique(root: Path, tmp: Path) -> list[str]:
    "A notebook is found by its name alone, `pytest -k NAME`."
    names = [n.stem for n in every_notebook(root)]
    return [f"{name}: {names.count(name)} notebooks" for name in sorted(set(names)) if names.count(name) > 1]


def guides_are_short(root: Path, tmp: Path) -> list[str]:
    "A how-to page has fewer than GUIDE_CELLS cells and exports nothing."
    faults = []
    for guide in notebooks(root, "nbs/guides"):
        count = len(json.loads(guide.read_text(encoding="utf-8"))["cells"])
        if count >= GUIDE_CELLS:
            faults.append(f"guides/{guide.name}: {count} cells, fewer than {GUIDE_CELLS} are needed")
    return faults


def promise_of(root: Path, room: str) -> str:
    "The one line that a package's own __init__.py says."
    package = root / "fixate" / room / "__init__.py"
    return ast.get_docstring(ast.parse(package.read_text(encoding="utf-8")))


def readme_lists_chapters(root: Path, tmp: Path) -> list[str]:
    "README has one row per chapter: the room, its promise, its first notebook."
    lines = (root / "README.md").read_text(encoding="utf-8").splitlines()
    rows = [line for line in lines if re.match(r"\| `\w+` \| .+\]\(nbs/\d\d_", line)]
    wanted = []
    for folder in sorted(p for p in (root / "nbs").iterdir() if p.is_dir() and p.name[:2].isdigit()):
        first = notebooks(root, f"nbs/{folder.name}")[0]
        room = folder.name[3:]
        link = f"[{first.stem}](nbs/{folder.name}/{first.name})"
        wanted.append(f"| `{room}` | {promise_of(root, room)} | {link} |")
    missing = [f"README.md lacks: {row}" for row in wanted if row not in rows]
    return missing + [f"README.md has a row too many: {row}" for row in rows if row not in wanted]


def readme_is_short(root: Path, tmp: Path) -> list[str]:
    "README is the page of the first five minutes."
    lines = (root / "README.md").read_text(encoding="utf-8").splitlines()
    faults = [f"README.md:{n}: {len(line)} characters" for n, line in enumerate(lines, 1) if len(line) > 160]
    return faults + ([f"README.md has {len(lines)} lines, at most 170"] if len(lines) > 170 else [])


def readme_links_lead_somewhere(root: Path, tmp: Path) -> list[str]:
    "Every link and picture of README that is not on the web is a file of the project."
    text = (root / "README.md").read_text(encoding="utf-8")
    links = re.findall(r"\]\((?![a-z]+:|#)([^)#]+)", text)
    return [f"README.md: {link} does not exist" for link in links if not (root / link).exists()]


def table_rows(text: str) -> list[list[str]]:
    "Cells of all lines of a text that are rows of a Markdown table."
    return [
        [cell.strip() for cell in line.strip("| ").split("|")] for line in text.splitlines() if "|" in line
    ]


def readme_shows_the_summary(root: Path, tmp: Path) -> list[str]:
    "README's results are those of nbs/results/demo.json: no number is typed twice."
    summary = json.loads((root / "nbs/results/demo.json").read_text(encoding="utf-8"))
    width = len(summary["rows"][0])
    found = table_rows((root / "README.md").read_text(encoding="utf-8"))
    rows = {row[0]: row for row in found if len(row) == width}
    shown = {name: rows[name] for name, *_ in summary["rows"] if name in rows}
    faults = [] if len(shown) > 2 else ["README.md shows fewer than three rows of nbs/results/demo.json"]
    for name, *values in summary["rows"]:
        wanted = [name, *(f"{value:.3f}" for value in values)]
        if name in shown and shown[name] != wanted:
            faults.append(
                f"README.md: {' | '.join(shown[name])}; nbs/results/demo.json: {' | '.join(wanted)}"
            )
    return faults


def index_is_up_to_date(root: Path, tmp: Path) -> list[str]:
    "index.ipynb lists every notebook with its promise; where it does not, execute it again."
    outputs = [output for cell in cells(root / "nbs/index.ipynb") for output in cell["outputs"]]
    shown = "\n".join("".join(o.get("data", {}).get("text/markdown", [])) for o in outputs)
    faults = []
    for notebook in every_notebook(root):
        first = (cells(notebook, "markdown") or [{"source": ""}])[0]["source"]
        promise = re.search(r"(?m)^> (.+)$", first)
        link = f"({notebook.relative_to(root / 'nbs').as_posix()}) | {promise[1] if promise else ''} |"
        if notebook.name != "index.ipynb" and link not in shown:
            faults.append(f"index.ipynb lacks: {link}")
    return faults


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
    most_cells_are_smaller,
    modules_are_short,
    one_name_one_meaning,
    private_stays_private,
    known_directives,
    notebooks_open_alike,
    names_are_unique,
    guides_are_short,
    readme_lists_chapters,
    readme_is_short,
    readme_links_lead_somewhere,
    readme_shows_the_summary,
    index_is_up_to_date,
    public_names_have_docstrings,
    one_version,
]
