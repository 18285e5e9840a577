"""Decisions: facts in, decision out. No clock, no I/O."""
