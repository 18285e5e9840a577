"""The steps of a PostgreSQL store's schema."""
