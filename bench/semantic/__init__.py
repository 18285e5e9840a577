"""How often the semantic cache answers, and how often it should not have."""
