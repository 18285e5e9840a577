"""What is known of models: dated data, read when somebody asks for it."""

from sluicegate.models.facts import ModelFacts, facts_of, listed, version

__all__ = ["ModelFacts", "facts_of", "listed", "version"]
