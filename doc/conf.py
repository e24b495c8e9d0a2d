"""Configuration of the documentation; nothing in it reaches for the network."""

import os
import re
from importlib.metadata import version as installed_version

project = "skdistill"
author = "skdistill developers"
copyright = "skdistill developers"
version = release = installed_version("skdistill")

# Gallery scripts read it; `make docs` sets it, and an empty value builds them in full.
QUICK = bool(os.environ.get("SKDISTILL_QUICK"))

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "numpydoc",
    "sphinx_gallery.gen_gallery",
]
templates_path = ["_templates"]
exclude_patterns = ["_build", "auto_examples/**/GALLERY_HEADER.rst"]
default_role = "code"
suppress_warnings = ["config.cache"]

autosummary_generate = True
autodoc_typehints = "none"
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False

html_theme = "pydata_sphinx_theme"
html_title = "skdistill"
html_theme_options = {
    "show_prev_next": False,
    "navbar_end": ["theme-switcher"],
    "secondary_sidebar_items": ["page-toc"],
}
html_show_sourcelink = False

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "filename_pattern": re.escape(os.sep) + "plot_",
    "subsection_order": ["../examples/quickstart", "*"],
    "within_subsection_order": "FileNameSortKey",
    "abort_on_example_error": True,
    "download_all_examples": False,
    "remove_config_comments": True,
    "show_memory": False,
    "show_signature": False,
    "min_reported_time": 1e9,
    "plot_gallery": "True",
}


def skip_routing_methods(app, what, name, obj, skip, options):
    """Leave out the methods that metadata routing generates; their texts link to scikit-learn's pages."""
    generated = re.fullmatch(r"set_\w+_request|get_metadata_routing", name)
    return True if generated else None


def setup(app):
    app.connect("autodoc-skip-member", skip_routing_methods)
