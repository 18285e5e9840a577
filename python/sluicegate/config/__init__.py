"""The configuration: a file in, settings or every mistake out."""

from pathlib import Path

from sluicegate.config.build import MISSING, Builder
from sluicegate.config.problems import ConfigError, Problem
from sluicegate.config.resolve import Resolver
from sluicegate.config.schema import Admin, Config
from sluicegate.config.settings import Settings
from sluicegate.config.tree import read_tree

__all__ = ["Admin", "ConfigError", "Problem", "Settings", "load"]


def load(path: Path) -> Settings:
    """The settings of a file.

    Raises:
        ConfigError: with every mistake, its line and its field.
    """
    root, problems = read_tree(path)
    builder = Builder(problems)
    config = builder.build(root, Config, ())
    if config is MISSING:
        raise ConfigError(str(path), problems)
    settings = Resolver(path.absolute(), root, problems).resolve(
        config, has_inline_secrets=builder.has_inline_secrets
    )
    if problems:
        raise ConfigError(str(path), problems)
    return settings
