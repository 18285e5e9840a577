"""The paths of files and batches."""

from typing import Any, Final, NamedTuple
from urllib.parse import quote, unquote

from sluicegate import _core
from sluicegate.routes import FILED_ROUTES, ModelRoute


def _dialect_of(route: str) -> str:
    return "anthropic" if route.startswith("/v1/messages/") else "openai"


_PLACES: Final = _core.ModelRoutes(
    {
        path: ModelRoute("file" if path.startswith("/v1/files") else "batch", _dialect_of(path))
        for path in FILED_ROUTES
    }
)
_ID: Final = "{id}"
_ABOVE: Final = tuple(path for path in FILED_ROUTES if _ID not in path)


class FiledPath(NamedTuple):
    """What is asked, by its path.

    Args:
        route: the table's, with `{id}` for an id.
        name: the id, or nothing.
    """

    method: str
    route: str
    name: str
    query: str

    @property
    def dialect(self) -> str:
        """The client's."""
        return _dialect_of(self.route)

    @property
    def place(self) -> "_core.Place":
        """Where it leads."""
        found = _PLACES.find("POST", self.route, "")
        if found is None:
            raise LookupError(self.route)
        return found


def filed_path_of(scope: dict[str, Any]) -> FiledPath | None:
    """What an ASGI request asks about files or batches; None where it asks nothing such."""
    raw_path: bytes = scope.get("raw_path") or quote(scope["path"]).encode()
    path, method = raw_path.decode("latin-1"), scope["method"]
    query = scope["query_string"].decode("latin-1")
    for above in _ABOVE:
        if path == above and method in FILED_ROUTES[above]:
            return FiledPath(method, above, "", query)
        if not path.startswith(f"{above}/"):
            continue
        name, *rest = path.removeprefix(f"{above}/").split("/")
        route = "/".join((above, _ID, *rest))
        if name and method in FILED_ROUTES.get(route, ()):
            return FiledPath(method, route, unquote(name), query)
    return None
