"""Other people's clients, unchanged but for base URL and key, in front of the simulated provider."""
