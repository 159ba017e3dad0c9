"""Login sessions: opened, refreshed, listed, ended. The one implementation behind REST and RPC."""

from __future__ import annotations

import logging
from collections import Counter
from typing import TYPE_CHECKING, Final

from hub.control_operations import RefreshUser
from hub.errors import EngineUnavailable, ReplyError
from hub.tokens.claims import TokenExpired, TokenInvalid
from sessions import events
from sessions import session_store as store
from sessions.access_tokens import AccessTokens
from sessions.authority import SessionAuthority
from sessions.channels import sessions_channel
from sessions.device_watch import DeviceWatch, sid_of
from sessions.endings import Ended, Endings
from sessions.expiry import SessionExpiry
from sessions.identifiers import new_id
from sessions.last_seen import LastSeen
from sessions.login_session import DeviceInfo, LoginSession, Reason, Tokens
from sessions.refresh_tokens import RefreshTokenMint
from sessions.refusal import Kind, Refusal
from sessions.revocation_feed import RevocationFeed
from sessions.revocations import Revocations
from sessions.rotation import Presented, Rotation
from sessions.session_ending import SessionEnding
from sessions.session_opening import SessionOpening
from sessions.session_store import roles_text, to_session

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from hub.clock import Clock
    from hub.hub import Hub
    from hub.relay.outbox import Outbox, OutboxEntry
    from sessions.audit import Audit
    from sessions.config import SessionsConfig
    from sessions.principal import Principal
    from sessions.refresh_tokens import RefreshToken
    from sessions.rotation import Rotated
    from sessions.session_ending import Together
    from sessions.session_opening import Admit, Opened
    from sessions.signing_keys import SigningKeys
    from storage.database import Storage, Transaction

    Counted = list[tuple[LoginSession, int]]
    Tasks = list[tuple[str, Coroutine[object, object, None]]]

__all__ = ["DeviceInfo", "LoginSession", "LoginSessions", "Reason", "Tokens"]

logger = logging.getLogger(__name__)

MAX_NAME_CHARS: Final = 64

TOKEN_MARGIN_S: Final = 60
"""How much longer than the longest access token a revocation is remembered: the clocks of nodes differ."""


class LoginSessions:
    """The login sessions of all users, as this node serves them.

    Everything raises StorageUnavailable when the database gives no answer. What is cancelled may have happened; what
    has happened is carried out everywhere within a second, even so.

    Attributes:
        authority: what the hub is to be given as its `authority`, before the first connection.
    """

    def __init__(
        self,
        config: SessionsConfig,
        storage: Storage,
        hub: Hub,
        outbox: Outbox,
        audit: Audit,
        keys: SigningKeys,
        clock: Clock,
    ) -> None:
        self._config = config
        self._database = storage.auth
        self._hub = hub
        self._outbox = outbox
        self._audit = audit
        self._keys = keys
        self._clock = clock
        tokens = config.tokens
        life_s = tokens.access_token_ttl_s + tokens.leeway_s + TOKEN_MARGIN_S
        self._mint = RefreshTokenMint(config.secret)
        self._rotation = Rotation(tokens, self._mint)
        self._access_tokens = AccessTokens(tokens, keys, clock)
        self._revocations = Revocations(life_s, clock.monotonic_s())
        self._endings = Endings(hub, outbox, audit, self._revocations)
        self._ending = SessionEnding(self._database, self._endings, outbox, clock)
        self._opening = SessionOpening(config, self._rotation, self._endings, outbox, audit)
        self._last_seen = LastSeen(self._database, clock, config.last_seen_interval_s)
        self._devices = DeviceWatch(hub, config.device_offline_grace_s)
        self._expiry = SessionExpiry(self._database, self._endings, clock, config)
        self._feed = RevocationFeed(
            self._database,
            hub,
            self._revocations,
            token_life_s=life_s,
            interval_s=config.revocation_poll_interval_s,
        )
        self.authority = SessionAuthority(self._access_tokens, self._revocations, self._devices, self._last_seen, clock)
        self.counters: Counter[str] = Counter()
        hub.gauges.update(self._gauges())

    async def prepare(self) -> None:
        """Load the keys and what has been revoked lately. To be awaited before the first request.

        Raises:
            StorageUnavailable
        """
        await self._keys.load()
        await self._feed.poll()

    def revocations_age_s(self) -> float:
        """Seconds since this node has last read what has ended."""
        return self._feed.age_s()

    def tasks(self) -> Tasks:
        """The work that must go on as long as the node lives, by name."""
        return [
            ("sessions.revocations", self._feed.run()),
            ("sessions.expiry", self._expiry.run()),
            ("sessions.devices", self._devices.run()),
            ("sessions.last_seen", self._last_seen.run()),
            ("sessions.keys", self._keys.run()),
        ]

    # --- log-in and refresh -----------------------------------------------------------------------------------------

    async def open(  # noqa: PLR0913  # what a login session is, all but two by name
        self,
        user_id: str,
        device: DeviceInfo,
        *,
        address: str,
        roles: frozenset[str],
        method: str,
        issuer: str = "",
        idp_subject: str = "",
        idp_sid: str = "",
        admit: Admit | None = None,
    ) -> Tokens:
        """Begin a session for a user who has proven who it is.

        Args:
            admit: asked inside the unit of work for the roles that hold at that moment, instead of `roles`; it may
                raise a Refusal. `revoke_all` and `set_roles` wait until the session is there. So whoever disables a
                user, or changes what it may do, writes that first and calls them after: no log-in slips through.

        Raises:
            Refusal: CONFLICT session_limit, where the policy is to refuse.
        """
        as_of_ms = self._clock.now_s() * 1000
        now_ms = int(as_of_ms)
        session = LoginSession(
            id=new_id(),
            user_id=user_id,
            device_id=device.id,
            name=device.name,
            platform=device.platform,
            address=address,
            method=method,
            issuer=issuer,
            idp_subject=idp_subject,
            idp_sid=idp_sid,
            roles=roles,
            created_ms=now_ms,
            last_seen_ms=now_ms,
            expires_ms=self._rotation.expires_ms(now_ms),
        )

        async def work(tx: Transaction) -> Opened:
            return await self._opening.open(tx, session, admit)

        opened = await self._database.run(work)
        self.counters["opened"] += 1
        await self._endings.carry_out(opened.ended)
        return self._tokens(opened.session, opened.token, as_of_ms)

    async def refresh(self, refresh_token: str, *, device_id: str | None = "", address: str) -> Tokens:
        """New tokens for a refresh token, which is used up by it.

        Args:
            device_id: the device that says it presents the token, "" when it does not say. Only the session's own gets
                the successor again within the grace; another one is taken for a thief. None for a token out of a
                cookie, which the browser, the device, keeps by itself: frontends that share it name different ids.

        Raises:
            Refusal: UNAUTHORIZED refresh_token_invalid; when the token was replayed its session has been ended.
        """
        token = self._mint.recognise(refresh_token)
        if token is None:
            raise _refresh_refused()
        # Not in whole milliseconds: a token from after a change of roles must not look like one from before it.
        as_of_ms = self._clock.now_s() * 1000
        presented = Presented(token, device_id, address, int(as_of_ms))

        async def work(tx: Transaction) -> tuple[Rotated | None, Ended]:
            rotated = await self._rotation.present(tx, presented)
            if rotated is None or rotated.token is not None:
                return rotated, Ended()
            return rotated, await self._ending.end_stolen(tx, rotated.session, presented)

        rotated, ended = await self._database.run(work)
        if rotated is None:
            raise _refresh_refused()
        if rotated.token is None:
            self.counters["refresh_reused"] += 1
            logger.warning("refresh_token_reused", extra={"session": token.sid})
            await self._endings.carry_out(ended)
            raise _refresh_refused()
        return self._tokens(rotated.session, rotated.token, as_of_ms)

    async def authenticate(self, access_token: str) -> Principal:
        """Whom a request acts for. Asks no database.

        Raises:
            Refusal: UNAUTHORIZED unauthorized, token_expired or session_revoked.
            KeysUnavailable: the token names a key that this node cannot look up now.
        """
        try:
            claims = await self._access_tokens.verify(access_token)
        except TokenExpired:
            raise Refusal(Kind.UNAUTHORIZED, "token_expired") from None
        except TokenInvalid:
            raise Refusal(Kind.UNAUTHORIZED, "unauthorized") from None
        principal = claims.principal
        if self._revocations.has(principal.sid):
            raise Refusal(Kind.UNAUTHORIZED, "session_revoked")
        if self._revocations.is_outdated(principal.sid, claims.issued_s):
            raise Refusal(Kind.UNAUTHORIZED, "token_expired")
        return principal

    # --- what a user sees and does ----------------------------------------------------------------------------------

    async def list(self, user_id: str) -> Counted:
        """The user's live sessions, newest first, each with its live connections on all nodes.

        Raises:
            EngineUnavailable: nobody can say how many connections there are.
        """
        rows = await self._database.fetch(store.LIVE_OF_USER, user_id, self._now_ms())
        present = await self._hub.engine.presence(sessions_channel(user_id))
        connections = Counter(sid_of(info) for info in present.values())
        return [(session, connections[session.id]) for session in map(to_session, rows)]

    async def find(self, sid: str) -> LoginSession:
        """A live session of anybody's.

        Raises:
            Refusal: NOT_FOUND.
        """
        row = await self._database.fetch_one(store.LIVE_BY_ID, sid, self._now_ms())
        if row is None:
            raise Refusal(Kind.NOT_FOUND, "not_found")
        return to_session(row)

    async def rename(self, user_id: str, sid: str, name: str, *, actor: str) -> LoginSession:
        """Give a session another name.

        Raises:
            Refusal: INVALID invalid_field, NOT_FOUND.
        """
        if len(name) > MAX_NAME_CHARS or not name.isprintable():
            raise Refusal(Kind.INVALID, "invalid_field", f"at most {MAX_NAME_CHARS} printable characters", "name")
        now_ms = self._now_ms()

        async def work(tx: Transaction) -> tuple[LoginSession, OutboxEntry]:
            row = await tx.fetch_one(store.RENAME, user_id, sid, name, now_ms)
            if row is None:
                raise Refusal(Kind.NOT_FOUND, "not_found")
            session = to_session(row)
            await self._audit.record(tx, "session.renamed", actor=actor, subject=user_id, session=sid)
            event = events.session_updated(session, now_ms)
            return session, await self._outbox.add(tx, sessions_channel(user_id), event)

        session, entry = await self._database.run(work)
        self._outbox.publish_soon([entry])
        return session

    async def has_known_device(self, user_id: str, device_id: str) -> bool:
        """Whether this user has logged in on this device before, as far as ended sessions are kept."""
        return await self._database.fetch_one(store.HAS_DEVICE, user_id, device_id) is not None

    # --- ending -----------------------------------------------------------------------------------------------------

    async def revoke(self, user_id: str, sid: str, reason: Reason, *, actor: str, address: str = "") -> None:
        """End one session. When this returns, its connections on this node are closed and all nodes are told.

        Raises:
            Refusal: NOT_FOUND: no such session of this user, or it has ended already.
        """
        if not await self._ending.end(store.END_ONE, (user_id, sid), reason, actor=actor, address=address):
            raise Refusal(Kind.NOT_FOUND, "not_found")

    async def revoke_others(
        self,
        user_id: str,
        sid: str,
        reason: Reason,
        *,
        actor: str,
        address: str = "",
        together: Together | None = None,
    ) -> int:
        """End all sessions of the user but this one; how many.

        Args:
            together: why they end, done in the same unit of work once no log-in of the user is under way: both happen
                or neither. What it raises undoes all.
        """
        whose = (user_id, sid)
        return await self._ending.end(store.END_ALL_BUT, whose, reason, actor=actor, address=address, together=together)

    async def revoke_all(
        self, user_id: str, reason: Reason, *, actor: str, address: str = "", together: Together | None = None
    ) -> int:
        """End all sessions of the user; how many. See `revoke_others`."""
        return await self.revoke_others(user_id, "", reason, actor=actor, address=address, together=together)

    async def revoke_by_identity(self, issuer: str, *, subject: str = "", idp_sid: str = "", reason: Reason) -> int:
        """End the sessions that an identity provider vouches for no longer: of a subject, of a session, or of both.

        Raises:
            ValueError: neither is named.
        """
        if not subject and not idp_sid:
            raise ValueError("a subject or a session of the provider must be named")
        actor = f"identity_provider:{issuer}"
        if subject:
            return await self._ending.end(store.END_OF_IDENTITY, (issuer, subject, idp_sid), reason, actor=actor)
        return await self._ending.end(store.END_OF_IDP_SESSION, (issuer, idp_sid), reason, actor=actor)

    async def revoke_by_refresh_token(self, refresh_token: str, reason: Reason, *, address: str) -> None:
        """End the session of a refresh token, used or not. What is no token of ours, or has ended, is passed over."""
        token = self._mint.recognise(refresh_token)
        row = token and await self._database.fetch_one(store.LIVE_BY_ID, token.sid, self._now_ms())
        if row:
            session = to_session(row)
            user_id = session.user_id
            await self._ending.end(store.END_ONE, (user_id, session.id), reason, actor=user_id, address=address)

    async def set_roles(self, user_id: str, roles: frozenset[str], *, together: Together | None = None) -> None:
        """What the user's sessions may do from now on; `together` as in `revoke_others`.

        Tokens from before count as expired, and live connections are closed with 3005, so that every SDK comes back
        with a new token; a node that is not told accepts the old ones until they expire.
        """

        async def work(tx: Transaction) -> list[str]:
            await tx.fetch(store.LOCK_USER, user_id)
            if together is not None:
                await together(tx)
            return [sid for (sid,) in await tx.fetch(store.SET_ROLES, user_id, roles_text(roles))]

        for sid in await self._database.run(work):
            try:
                await self._hub.control.perform(RefreshUser(user=user_id, session=sid, expired=True))
            except (EngineUnavailable, ReplyError):
                logger.warning("role_change_not_announced", extra={"session": sid})

    # --- within -----------------------------------------------------------------------------------------------------

    def _tokens(self, session: LoginSession, refresh_token: RefreshToken, as_of_ms: float) -> Tokens:
        access_token, expires_in_s = self._access_tokens.issue(session, as_of_ms)
        return Tokens(access_token, expires_in_s, refresh_token.text, session)

    def _gauges(self) -> dict[str, Callable[[], float]]:
        return {
            "sessions_opened": lambda: self.counters["opened"],
            "sessions_revoked": lambda: self._ending.num_ended,
            "refresh_reused": lambda: self.counters["refresh_reused"],
            "revocations_known": lambda: len(self._revocations),
            "revocations_untold": lambda: self._endings.untold,
            "revocation_polls_failed": lambda: self._feed.failures,
            "devices_untold": lambda: self._devices.untold,
            "last_seen_dropped": lambda: self._last_seen.dropped,
        }

    def _now_ms(self) -> int:
        return int(self._clock.now_s() * 1000)


def _refresh_refused() -> Refusal:
    """One answer to all that is wrong with a refresh token."""
    return Refusal(Kind.UNAUTHORIZED, "refresh_token_invalid")
