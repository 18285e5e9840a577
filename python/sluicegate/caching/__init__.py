"""What keeps the cache's answers beside the core's memory: in the store, or in Redis or Valkey."""
