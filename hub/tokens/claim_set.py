"""The payload of a token whose signature was found good: JSON in, typed claims out. Pure.

Names and types are Centrifugo's (docs/protocol.md section 6.1). `null` stands for absent in the optional extras, as
Go's and most other JSON libraries write it there; in the claims that decide who, where and until when it is refused.
Claims that are not ours are ignored.
"""

from __future__ import annotations

import base64
from typing import Annotated, Final, TypeVar

import msgspec
from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from hub.errors import ReplyError
from hub.payload import parse_payload
from hub.protocol.messages import OptionalRaw
from hub.tokens.claims import ConnectClaims, Override, SubscribeClaims, TokenInvalid, TokenSubscription
from hub.tokens.compact import parse_object

NumericDate = float
"""Seconds since the epoch, whole or not (RFC 7519 section 2). Strings and booleans are refused."""

_NULL: Final = b"null"


class _Option(Struct, gc=False):
    value: bool = False


class _Override(Struct, gc=False):
    presence: _Option | None = None
    join_leave: _Option | None = None
    force_push_join_leave: _Option | None = None
    force_positioning: _Option | None = None
    force_recovery: _Option | None = None


class _Subscription(Struct, gc=False):
    info: OptionalRaw = UNSET
    b64info: str | None = None
    data: OptionalRaw = UNSET
    b64data: str | None = None
    override: _Override | None = None


class ClaimSet(Struct, gc=False):
    """What both kinds of token have. `nbf` and `iat` are 0 when absent; `iat` is checked for its type only."""

    sub: str = ""
    exp: NumericDate | UnsetType = UNSET
    nbf: NumericDate = 0
    iat: NumericDate = 0
    iss: str = ""
    aud: str | list[str] = ""
    jti: str = ""
    channel: str = ""
    info: OptionalRaw = UNSET
    b64info: str | None = None
    expire_at: Annotated[NumericDate, Meta(ge=0)] | None = None

    @property
    def audiences(self) -> list[str]:
        return [self.aud] if isinstance(self.aud, str) else self.aud

    @property
    def lifetime_ends_at_s(self) -> float:
        """When the connection or subscription needs a new token; 0 for never."""
        if self.expire_at is not None:
            return self.expire_at
        return 0 if self.exp is UNSET else self.exp


class ConnectClaimSet(ClaimSet, gc=False):
    channels: list[str] | None = None
    subs: dict[str, _Subscription | None] | None = None
    meta: dict[str, object] | None = None


class SubscribeClaimSet(ClaimSet, gc=False):
    client: str = ""
    data: OptionalRaw = UNSET
    b64data: str | None = None
    override: _Override | None = None


_AnyClaimSet = TypeVar("_AnyClaimSet", bound=ClaimSet)

CONNECT_DECODER: Final = msgspec.json.Decoder(ConnectClaimSet)
SUBSCRIBE_DECODER: Final = msgspec.json.Decoder(SubscribeClaimSet)


def parse_claim_set(
    decoder: msgspec.json.Decoder[_AnyClaimSet], payload: bytes, user_id_claim: str
) -> tuple[str, _AnyClaimSet]:
    """Read a payload; the user's id is returned beside it because its claim has a configurable name.

    Raises:
        TokenInvalid: not a JSON object, nested deeper than a payload may be, a name occurs twice, or a claim has the
            wrong type.
    """
    _checked(payload)
    parsed = parse_object(payload)
    try:
        claim_set = decoder.decode(payload)
    except msgspec.DecodeError as exc:
        raise TokenInvalid(f"claims: {exc}") from None
    user = claim_set.sub if user_id_claim == "sub" else _custom_user(parsed.get(user_id_claim, ""))
    return user, claim_set


def connect_claims(user: str, claim_set: ConnectClaimSet) -> ConnectClaims:
    """Raises TokenInvalid for a subscription token, and for base64 that is not JSON."""
    if claim_set.channel:
        raise TokenInvalid("a connection token has no channel claim")
    subs = {channel: TokenSubscription() for channel in claim_set.channels or ()}
    for channel, subscription in (claim_set.subs or {}).items():
        subs[channel] = _subscription(subscription or _Subscription())
    return ConnectClaims(
        user=user,
        expire_at_s=claim_set.lifetime_ends_at_s,
        info=_raw(claim_set.info, claim_set.b64info),
        subs=subs,
        meta=claim_set.meta,
    )


def subscribe_claims(user: str, claim_set: SubscribeClaimSet) -> SubscribeClaims:
    """Raises TokenInvalid for a connection token, and for base64 that is not JSON."""
    if not claim_set.channel:
        raise TokenInvalid("a subscription token needs a channel claim")
    return SubscribeClaims(
        user=user,
        channel=claim_set.channel,
        client=claim_set.client,
        expire_at_s=claim_set.lifetime_ends_at_s,
        info=_raw(claim_set.info, claim_set.b64info),
        data=_raw(claim_set.data, claim_set.b64data),
        override=_override(claim_set.override),
    )


def _custom_user(value: object) -> str:
    """A custom claim may be a number: many providers keep numeric ids, and Centrifugo takes them as text."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str):
        raise TokenInvalid("the user id claim is neither text nor a whole number")
    return value


def _subscription(subscription: _Subscription) -> TokenSubscription:
    return TokenSubscription(
        info=_raw(subscription.info, subscription.b64info),
        data=_raw(subscription.data, subscription.b64data),
        override=_override(subscription.override),
    )


def _override(override: _Override | None) -> Override | None:
    if override is None:
        return None
    options = {name: getattr(override, name) for name in override.__struct_fields__}
    return Override(**{name: option.value for name, option in options.items() if option is not None})


def _raw(value: OptionalRaw, encoded: str | None) -> OptionalRaw:
    """The base64 form wins, as in Centrifugo. The bytes are copied, so that the payload is not kept alive."""
    if encoded:
        return _checked(_decode_base64(encoded))
    if value is UNSET:
        return UNSET
    data = bytes(value)
    return UNSET if data == _NULL else _checked(data)


def _decode_base64(encoded: str) -> bytes:
    try:
        return base64.b64decode(encoded, validate=True)
    except ValueError:
        raise TokenInvalid("b64info or b64data is not base64") from None


def _checked(data: bytes) -> Raw:
    try:
        return parse_payload(data)
    except ReplyError:
        raise TokenInvalid("claims, info or data are not a JSON payload") from None
