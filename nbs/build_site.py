"""All notebooks in their order and the API reference as one site: `.venv/bin/python nbs/build_site.py`.

The site is written to `_site/`, or the folder that is given. Its `index.html` has the table of chapters.
It is built without network, and nothing on a page is loaded from elsewhere: formulas become MathML, which
browsers draw themselves.
"""

import ast
import html
import json
import posixpath
import re
import shutil
import subprocess
import sys
from pathlib import Path

from latex2mathml.converter import convert as mathml
from nbconvert import HTMLExporter
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from pygments.formatters import HtmlFormatter

ROOT = Path(__file__).resolve().parent.parent
PAGES = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "data/README.md", "figures/README.md")
EXTRA = {
    "guides": "How-to pages, each under fifteen cells.",
    "results": "What was measured, each table with its command.",
    "runs": "Experiments that papermill runs.",
    "checks": "What happens when things are broken on purpose.",
}
STYLE = """
body { font: 16px/1.55 system-ui, sans-serif; color: #1d2733; }
body { max-width: 62rem; margin: 0 auto; padding: 1rem; }
nav { display: flex; justify-content: space-between; gap: 1rem; }
nav { border-bottom: 1px solid #d5dbe1; padding-bottom: .5rem; }
a { color: #0b5394; }
img, svg { max-width: 100%; height: auto; }
pre { overflow-x: auto; font: 13px/1.45 ui-monospace, monospace; padding: .6rem; margin: .4rem 0; }
.highlight { background: #f6f8fa; border-radius: 6px; }
.jp-OutputArea-output { overflow-x: auto; padding-left: 1rem; border-left: 3px solid #e4c27a; }
.jp-InputPrompt, .jp-OutputPrompt, .prompt, .anchor-link { display: none; }
table { border-collapse: collapse; display: block; overflow-x: auto; }
th, td { padding: .25rem .6rem; border-bottom: 1px solid #e3e8ec; text-align: left; vertical-align: top; }
code { font-family: ui-monospace, monospace; font-size: .9em; }
math[display="block"] { margin: .8rem 0; }
"""


class Offline(IPythonRenderer):
    "Markdown whose formulas are MathML and whose pictures are in the page."

    def inline_math(self, body):
        "A formula in a line."
        return mathml(body)

    def block_math(self, body):
        "A formula of its own."
        return mathml(body, display="block")


def rendered(text: str, folder: Path) -> str:
    "Markdown as HTML; pictures are looked for from `folder`."
    return MarkdownWithMath(renderer=Offline(escape=False, embed_images=True, path=str(folder))).render(text)


def target_of(source: Path) -> str:
    "Where a page of the project stands on the site, with `/`."
    inside = (
        source.relative_to(ROOT / "nbs") if source.is_relative_to(ROOT / "nbs") else source.relative_to(ROOT)
    )
    name = "walk" if inside.as_posix() == "index.ipynb" else inside.with_suffix("").as_posix()
    return name + ".html"


def linked(body: str, source: Path) -> str:
    "Links to pages lead to where they stand on the site; links to other files become plain text."
    here = posixpath.dirname(target_of(source)) or "."

    def link(found: re.Match) -> str:
        address, words = found[1], found[2]
        if re.match(r"[a-z]+:|#", address):
            return found[0]
        path, _, anchor = address.partition("#")
        aim = (source.parent / path).resolve()
        if not aim.is_relative_to(ROOT) or (aim.suffix not in (".ipynb", ".md")):
            return words
        to = posixpath.relpath(target_of(aim), here)
        return f'<a href="{to}{"#" + anchor if anchor else ""}">{words}</a>'

    return re.sub(r'(?s)<a href="([^"]*)"[^>]*>(.*?)</a>', link, body)


def page(title: str, body: str, target: str, before: tuple | None = None, after: tuple | None = None) -> str:
    "A whole page; `before` and `after` are (title, target) of its neighbours in reading order."
    here = posixpath.dirname(target) or "."

    def link(to, words):
        return f'<a href="{posixpath.relpath(to, here)}">{html.escape(words)}</a>'

    row = [
        link(before[1], "← " + before[0]) if before else "",
        link("index.html", "fixate: all chapters"),
        link(after[1], after[0] + " →") if after else "",
    ]
    top = "<nav>" + "".join(f"<span>{part}</span>" for part in row) + "</nav>"
    meta = '<meta charset="utf-8"><meta name="viewport" content="width=device-width">'
    style = STYLE + HtmlFormatter().get_style_defs(".highlight")
    head = f"<head>{meta}<title>{html.escape(title)}</title><style>{style}</style></head>"
    return f'<!doctype html><html lang="en">{head}<body>{top}{body}</body></html>\n'


def notebook_body(source: Path) -> str:
    "A notebook with its stored outputs, as the inside of a page."
    exporter = HTMLExporter(template_name="basic")
    exporter.register_filter("markdown2html", lambda text: rendered(text, source.parent))
    return exporter.from_filename(str(source))[0]


def title_of(source: Path) -> tuple[str, str]:
    "Title and promise of a notebook or of a Markdown page."
    text = source.read_text(encoding="utf-8")
    if source.suffix == ".ipynb":
        text = "".join(json.loads(text)["cells"][0]["source"])
    title = re.search(r"(?m)^# (.+)$", text)
    promise = re.search(r"(?m)^> (.+)$", text)
    return title[1] if title else source.stem, promise[1] if promise else ""


def chapters() -> list[tuple[str, str, list[Path]]]:
    "(folder, what it is about, its notebooks) in reading order: numbered chapters first."
    found = []
    for folder in sorted(p for p in (ROOT / "nbs").iterdir() if p.is_dir() and p.name[:2].isdigit()):
        package = ROOT / "fixate" / folder.name[3:] / "__init__.py"
        about = ast.get_docstring(ast.parse(package.read_text(encoding="utf-8")))
        found.append((folder.name, about, sorted(folder.glob("*.ipynb"))))
    for name, about in EXTRA.items():
        found.append((name, about, sorted((ROOT / "nbs" / name).glob("*.ipynb"))))
    return [chapter for chapter in found if chapter[2]]


def first_page(every: list[tuple[str, str, list[Path]]]) -> str:
    "The table of chapters, with all their notebooks, and the ways to everything else."
    rows = []
    for folder, about, sources in every:
        links = ", ".join(f"[{title_of(source)[0]}]({target_of(source)})" for source in sources)
        rows.append(f"| `{folder}` | {about} | {links} |")
    text = "# fixate\n\nStart with the [guided walk](walk.html) or with [README](README.html). "
    text += "The [API reference](api/index.html) is made of docstrings.\n\n"
    text += "| chapter | what it is about | notebooks |\n|---|---|---|\n" + "\n".join(rows)
    text += "\n\nTo change something: [CONTRIBUTING](CONTRIBUTING.html). "
    text += "What changed: [CHANGELOG](CHANGELOG.html).\n"
    return rendered(text, ROOT)


def write_page(out: Path, target: str, text: str):
    "One page of the site."
    path = out / target
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def build(out: Path):
    "The whole site, into an empty folder."
    shutil.rmtree(out, ignore_errors=True)
    every = chapters()
    write_page(out, "index.html", page("fixate", first_page(every), "index.html"))
    order = [ROOT / "nbs/index.ipynb", *(source for _, _, sources in every for source in sources)]
    ways = [(title_of(source)[0], target_of(source)) for source in order]
    for number, source in enumerate(order):
        before = ways[number - 1] if number else None
        after = ways[number + 1] if number + 1 < len(ways) else None
        body = linked(notebook_body(source), source)
        write_page(out, ways[number][1], page(ways[number][0], body, ways[number][1], before, after))
    for name in PAGES:
        source = ROOT / name
        body = linked(rendered(source.read_text(encoding="utf-8"), source.parent), source)
        write_page(out, target_of(source), page(title_of(source)[0], body, target_of(source)))
    rooms = sorted(path.parent.name for path in (ROOT / "fixate").glob("*/__init__.py"))
    names = ["fixate", "fixate.cli", *(f"fixate.{room}" for room in rooms)]
    command = [sys.executable, "-m", "pdoc", *names, "-o", str(out / "api")]
    subprocess.run(command, check=True, cwd=ROOT)


if __name__ == "__main__":
    place = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "_site"
    build(place)
    print(f"{place / 'index.html'}: {len(list(place.rglob('*.html')))} pages")
