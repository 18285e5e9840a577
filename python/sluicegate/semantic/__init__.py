"""Embedders of the semantic cache: what makes vectors of questions."""
