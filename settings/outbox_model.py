"""`outbox`: how what was committed reaches the subscribers."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from settings.consumer_rabbitmq_model import RabbitmqSettings
from settings.section import Section


class OutboxRabbitmqSettings(RabbitmqSettings):
    exchange: str = Field("", description="Exchange to publish to; nothing is declared. Needed for this carrier.")
    routing_key: str = Field(
        "{channel}", description="Routing key; `{type}`, `{channel}` and `{namespace}` are filled in."
    )


class OutboxSettings(Section):
    carrier: Literal["hub", "rabbitmq"] = Field(
        "hub", description="Straight to the hub, or by RabbitMQ, from where a consumer of any node brings it."
    )
    source: str = Field("/syncline", description="Source of the CloudEvents on the way over RabbitMQ.")
    rabbitmq: OutboxRabbitmqSettings = Field(OutboxRabbitmqSettings(), description="The carrier's exchange.")
