"""The configuration: a file in, settings or every mistake out."""

from pathlib import Path

from sluicegate.config.build import MISSING, Builder
from sluicegate.config.problems import ConfigError, Problem
from sluicegate.config.schema import Config
from sluicegate.config.settings import Resolver, Settings
from sluicegate.config.tree import read_tree

__all__ = ["ConfigError", "Problem", "Settings", "load"]


def load(path: Path) -> Settings:
    """The settings of a file.

    Raises:
        ConfigError: with every mistake, its line and its field.
    """
    root, problems = read_tree(path)
    config = Builder(problems).build(root, Config, "")
    settings = None
    if config is not MISSING:
        settings = Resolver(path.absolute(), root, problems).resolve(config)
    if problems or settings is None:
        raise ConfigError(str(path), problems)
    return settings
