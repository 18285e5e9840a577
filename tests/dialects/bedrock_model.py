"""Converse requests held against AWS's own model of the service, as its SDK holds them."""

import base64
from functools import cache
from typing import Any

from botocore.loaders import Loader
from botocore.model import ServiceModel, Shape
from botocore.validate import ParamValidator


@cache
def _input() -> Shape:
    described = Loader().load_service_model("bedrock-runtime", "service-2")
    return ServiceModel(described).operation_model("Converse").input_shape


def fault(request: dict[str, Any]) -> str | None:
    """Where the model disagrees with a request; None where it does not."""
    given = _unpacked(request, _input()) | {"modelId": "m"}
    report = ParamValidator().validate(given, _input())
    return report.generate_report() if report.has_errors() else None


def _unpacked(value: Any, shape: Shape) -> Any:
    """The request as the SDK takes it: bytes where the wire has base64."""
    kind = shape.type_name
    if kind == "blob" and isinstance(value, str):
        return base64.b64decode(value, validate=True)
    if kind == "structure" and isinstance(value, dict) and not shape.metadata.get("document"):
        unknown = value.keys() - shape.members.keys()
        if unknown:
            raise AssertionError(f"{shape.name} has no {sorted(unknown)}")
        return {name: _unpacked(item, shape.members[name]) for name, item in value.items()}
    if kind == "list" and isinstance(value, list):
        return [_unpacked(item, shape.member) for item in value]
    return value
