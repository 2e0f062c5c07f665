"""The folder for what can be fetched or built again."""

import os
from pathlib import Path


def cache_folder() -> Path:
    """Give the folder for what can be fetched again: ``$FLNODE_CACHE``, else the user's cache."""
    chosen = os.environ.get("FLNODE_CACHE")
    general = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(chosen or f"{general}/flnode").expanduser()
