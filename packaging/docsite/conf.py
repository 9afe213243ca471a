"""Sphinx's settings for the documentation site."""

project = "edge-fer"
html_title = "edge-fer"
extensions = ["myst_parser", "sphinx_copybutton"]
root_doc = "index"
source_suffix = {".md": "markdown"}
html_theme = "furo"
html_copy_source = False
html_show_sphinx = False
copyright = "the edge-fer authors, Apache-2.0"
# The headings' anchors as the code forges make them, so that links hold in both places.
myst_heading_anchors = 4
myst_enable_extensions = ["attrs_inline", "html_image"]
# Code is shown as it is: a shell line with a prompt is no error.
suppress_warnings = ["misc.highlighting_failure"]
