"""Responses that are there already: who made them, for whom, and what is asked about them."""
