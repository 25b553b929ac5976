"""Sphinx settings; `make docs` runs them."""

import re
from pathlib import Path

_init = Path(__file__).parent.parent / "src" / "btstores" / "__init__.py"

project = "btstores"
author = "The btstores authors"
copyright = "2026, " + author
release = re.search(r'__version__ = "(.+?)"', _init.read_text(encoding="utf-8"))[1]

extensions = ["myst_parser"]
myst_heading_anchors = 3
exclude_patterns = ["_build", "examples"]
html_theme = "furo"
html_title = f"btstores {release}"
