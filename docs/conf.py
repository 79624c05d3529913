"""The documentation as a site: ``python -m sphinx -W docs build/site`` (``make docs``)."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from dials_page import page as dial_page
from option_pages import write_option_pages, write_page
from perturbations_page import page as perturbation_page
from registry_pages import PAGES
from tables_page import page as table_page

from vidrobust.version import VERSION

project = "vidrobust"
copyright = "the vidrobust authors"
release = VERSION
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx_copybutton"]
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = f"vidrobust {VERSION}"
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 4
suppress_warnings = ["misc.highlighting_failure"]  # CSV, drawings as text, JSON that is cut short
nb_execution_mode = "off"  # a test runs the notebook; the site shows it as it was saved
copybutton_prompt_text = "$ "
autodoc_typehints = "signature"
autodoc_member_order = "bysource"

write_option_pages(Path(__file__).parent / "commands")
for name, text in {
    "tables": table_page(),
    "perturbations": perturbation_page(),
    "dials": dial_page(),
    **{name: page() for name, page in PAGES.items()},
}.items():
    write_page(Path(__file__).parent / "generated" / f"{name}.md", text)
