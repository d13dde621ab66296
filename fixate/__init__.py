"""A frozen vision-language model that looks at a page the way one person does, and clicks accordingly.

The names below are imported when first asked for, so that `import fixate` is quick and loads no torch.
Everything else stands in its room, for example `fixate.scoring.metrics`.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fixate.adserp.prepare import prepare_adserp
    from fixate.core.errors import FixateError
    from fixate.core.study import Study
    from fixate.emulator.emulator import Emulator
    from fixate.evaluation.run import run
    from fixate.evaluation.run_groups import load_runs
    from fixate.model.backbone import load_backbone
    from fixate.model.prompt import PersonalPrompts
    from fixate.pages.heatmap import Look
    from fixate.recgaze.prepare import prepare_recgaze
    from fixate.reports.report import write_report
    from fixate.synthetic.adserp_files import synth_adserp
    from fixate.synthetic.recgaze_files import synth_recgaze
    from fixate.tuning.settings import Settings, settings
    from fixate.tuning.train import train

__version__ = "0.1.0"

__all__ = [
    "Emulator",
    "FixateError",
    "Look",
    "PersonalPrompts",
    "Settings",
    "Study",
    "load_backbone",
    "load_runs",
    "prepare_adserp",
    "prepare_recgaze",
    "run",
    "settings",
    "synth_adserp",
    "synth_recgaze",
    "train",
    "write_report",
]

# Where each name stands. The public face and what it is made of; nothing is imported before it is used.
_WHERE = {
    "Emulator": "emulator.emulator",
    "FixateError": "core.errors",
    "Look": "pages.heatmap",
    "PersonalPrompts": "model.prompt",
    "Settings": "tuning.settings",
    "Study": "core.study",
    "load_backbone": "model.backbone",
    "load_runs": "evaluation.run_groups",
    "prepare_adserp": "adserp.prepare",
    "prepare_recgaze": "recgaze.prepare",
    "run": "evaluation.run",
    "settings": "tuning.settings",
    "synth_adserp": "synthetic.adserp_files",
    "synth_recgaze": "synthetic.recgaze_files",
    "train": "tuning.train",
    "write_report": "reports.report",
}


def __getattr__(name: str):
    if name not in _WHERE:
        raise AttributeError(f"module 'fixate' has no attribute {name!r}")
    value = getattr(import_module(f"fixate.{_WHERE[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
