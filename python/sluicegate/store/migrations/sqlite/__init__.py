"""The steps of a SQLite store's schema."""
