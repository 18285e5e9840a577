"""What can go wrong with a store, whichever it is."""


class StoreError(Exception):
    """A store that does not do what it was asked; nothing was changed."""


class StoreUnavailableError(StoreError):
    """It is away, frozen, locked, full or exhausted; what waits can be tried again."""


class SchemaError(StoreError):
    """A database that this version must not write to."""


class ConflictError(StoreError):
    """Something of that name is there already."""
