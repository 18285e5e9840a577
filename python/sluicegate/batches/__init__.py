"""Files of tenants, and batches of requests that a provider answers within a day."""
