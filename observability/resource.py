"""Who a node is, as OpenTelemetry tells it beside traces and metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from opentelemetry.sdk.resources import (
    SERVICE_INSTANCE_ID,
    SERVICE_NAME,
    SERVICE_VERSION,
    OTELResourceDetector,
    Resource,
)

if TYPE_CHECKING:
    from hub.tracing import Attribute

SERVICE: Final = "syncline"


def service_resource(version: str, node_uid: str, node_name: str) -> Resource:
    """Who we are. What OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES say wins."""
    ours: dict[str, Attribute] = {
        SERVICE_NAME: SERVICE,
        SERVICE_VERSION: version,
        SERVICE_INSTANCE_ID: node_uid,
        "syncline.node.name": node_name,
    }
    return Resource.create(ours).merge(OTELResourceDetector().detect())
