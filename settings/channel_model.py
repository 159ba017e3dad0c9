"""`channel`: names, namespaces, and what is allowed in them."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from settings.section import Count, Duration, PositiveCount, Regex, Section

RecoveryMode = Literal["", "stream", "cache"]
DataFormat = Literal["", "json", "json_object"]


class ChannelOptionSettings(Section):
    """Options of the channels of one namespace, or of those without one."""

    presence: bool = Field(False, description="Keep who is in the channel.")
    join_leave: bool = Field(False, description="Announce who comes and goes.")
    force_push_join_leave: bool = Field(
        False, description="Send join and leave to every subscriber, not only to those that ask."
    )
    force_positioning: bool = Field(False, description="Watch every subscription for lost publications.")
    allow_positioning: bool = Field(False, description="Let clients ask for positioning.")
    force_recovery: bool = Field(False, description="Let every subscription resume where it stopped. Needs history.")
    allow_recovery: bool = Field(False, description="Let clients ask for recovery.")
    force_recovery_mode: RecoveryMode = Field(
        "", description='"stream" (as "") resumes with every missed publication, "cache" with the latest one.'
    )
    auto_cache_recover: bool = Field(
        False, description="Send the latest publication on a first subscribe too. Needs recovery mode cache."
    )
    history_size: Count = Field(0, description="Publications kept; 0 keeps none. Comes together with history_ttl.")
    history_ttl: Duration = Field(0.0, description="How long they outlive the last publication, in whole seconds.")
    history_meta_ttl: Duration = Field(
        0.0, description="How long offset and epoch outlive the last use; 0s takes channel.history_meta_ttl."
    )
    allow_subscribe_for_client: bool = Field(False, description="Let authenticated clients subscribe without a token.")
    allow_subscribe_for_anonymous: bool = Field(False, description="The same for clients without a user.")
    allow_publish_for_client: bool = Field(False, description="Let authenticated clients publish.")
    allow_publish_for_subscriber: bool = Field(False, description="Let authenticated subscribers publish.")
    allow_publish_for_anonymous: bool = Field(False, description="The same for clients without a user.")
    allow_presence_for_client: bool = Field(False, description="Let authenticated clients ask who is present.")
    allow_presence_for_subscriber: bool = Field(False, description="Let authenticated subscribers ask who is present.")
    allow_presence_for_anonymous: bool = Field(False, description="The same for clients without a user.")
    allow_history_for_client: bool = Field(False, description="Let authenticated clients read history.")
    allow_history_for_subscriber: bool = Field(False, description="Let authenticated subscribers read history.")
    allow_history_for_anonymous: bool = Field(False, description="The same for clients without a user.")
    allow_user_limited_channels: bool = Field(
        False, description="Let the users listed behind the last `#` of a channel name subscribe to it."
    )
    channel_regex: Regex = Field(
        "", description="What the name behind the namespace must match; without it names are ASCII."
    )
    publication_data_format: DataFormat = Field(
        "", description='"json" or "json_object" refuses other data; "" takes channel.publication_data_format.'
    )


class NamespaceSettings(ChannelOptionSettings):
    name: str = Field("", description="What stands before the first `:` of its channels' names.")


class ChannelSettings(Section):
    max_length: PositiveCount = Field(255, description="Longest channel name, in bytes.")
    history_meta_ttl: Duration = Field(
        720 * 3600.0, description="How long a channel's offset and epoch outlive its last use, in whole seconds."
    )
    publication_data_format: DataFormat = Field(
        "", description='Format of data in channels that do not say: any JSON value ("", "json") or "json_object".'
    )
    without_namespace: ChannelOptionSettings = Field(
        ChannelOptionSettings(), description="Options of channels without a namespace."
    )
    namespaces: tuple[NamespaceSettings, ...] = Field(
        (), description="Namespaces: each a `name` and any option of `channel.without_namespace`."
    )
