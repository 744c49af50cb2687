"""Sphinx settings: Markdown pages in four folders, the API reference from the docstrings."""

import socketio

project = "socketio"
author = "The socketio authors"
copyright = "The socketio authors"
release = version = socketio.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
]

# Pages
exclude_patterns = ["_build"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3  # links to headings, `page.md#a-heading`, work down to level 3

# The API reference
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_preserve_defaults = True
napoleon_numpy_docstring = False
# Docstrings are read as Markdown-like text; a single backtick is code.
default_role = "code"

# Output
html_theme = "furo"
html_title = "socketio"
html_show_copyright = False
