"""Accounts: register, log in, refresh, log out, one's own profile and password."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web
from msgspec import UNSET, Struct

from api.rest.bearer import principal_of
from api.rest.body import JSONBody
from api.rest.cookies import clear_refresh_cookie, refresh_token_of, set_refresh_cookie
from api.rest.csrf import check_csrf
from api.rest.operation import Access, Operation, answer
from api.rest.shapes import (
    Device,
    DeviceId,
    Email,
    IssuedTokens,
    Label,
    Mode,
    Nothing,
    Password,
    Token,
    UserAccount,
    own_session_shape,
    user_shape,
)
from services.accounts.permissions import Action
from sessions.login_session import DeviceInfo
from sessions.refusal import Kind, Refusal

if TYPE_CHECKING:
    from api.rest.operation import AnyOperation, Call
    from api.rest.pages import Pages
    from hub.clock import Clock
    from services.accounts.service import Accounts
    from services.accounts.user import User
    from sessions.login_session import Tokens
    from sessions.login_sessions import LoginSessions
    from sessions.principal import Principal


class Registration(Struct, forbid_unknown_fields=True):
    email: Email
    password: Password
    name: Label = ""


class PasswordLogin(Struct, forbid_unknown_fields=True):
    email: Email
    password: Password
    device: Device
    mode: Mode


class ExternalLogin(Struct, forbid_unknown_fields=True):
    issuer: Token
    token: Token
    device: Device
    mode: Mode


class Refresh(Struct, forbid_unknown_fields=True):
    """Without the token in cookie mode."""

    refresh_token: Token = ""
    device_id: DeviceId = ""


class Profile(Struct, forbid_unknown_fields=True):
    name: Label


class PasswordChange(Struct, forbid_unknown_fields=True):
    current_password: Password
    new_password: Password


class AccountRoutes:
    """The routes of one's own account. Nothing here knows a rule about accounts; cookies and modes are its business."""

    def __init__(self, accounts: Accounts, sessions: LoginSessions, pages: Pages, clock: Clock) -> None:
        self._accounts = accounts
        self._sessions = sessions
        self._pages = pages
        self._clock = clock

    def operations(self) -> tuple[AnyOperation, ...]:
        return self._log_ins() + self._tokens() + self._profile()

    def _log_ins(self) -> tuple[AnyOperation, ...]:
        return (
            Operation(
                id="register",
                method="POST",
                path="/v1/accounts",
                summary="Make an account; the answer does not tell whether the address was free.",
                handler=self.register,
                body=JSONBody(Registration),
                access=Access.PUBLIC,
                answers={202: Nothing},
                problems=(403, 429),
            ),
            Operation(
                id="login",
                method="POST",
                path="/v1/login",
                summary="Log in with a password.",
                handler=self.log_in,
                body=JSONBody(PasswordLogin),
                access=Access.PUBLIC,
                answers={200: IssuedTokens},
                problems=(401, 403, 409, 429),
            ),
            Operation(
                id="loginExternal",
                method="POST",
                path="/v1/login/external",
                summary="Log in with an identity provider's ID token.",
                handler=self.log_in_externally,
                body=JSONBody(ExternalLogin),
                access=Access.PUBLIC,
                answers={200: IssuedTokens},
                problems=(401, 403, 409, 429),
            ),
        )

    def _tokens(self) -> tuple[AnyOperation, ...]:
        return (
            Operation(
                id="refreshToken",
                method="POST",
                path="/v1/token/refresh",
                summary="Exchange the refresh token for new tokens.",
                handler=self.refresh,
                body=JSONBody(Refresh, is_optional=True),
                access=Access.PUBLIC,
                answers={200: IssuedTokens},
                problems=(401, 403),
            ),
            Operation(
                id="logout",
                method="POST",
                path="/v1/logout",
                summary="End the current session.",
                handler=self.log_out,
                access=Access.PUBLIC,
                answers={204: None},
                problems=(401, 403),
            ),
        )

    def _profile(self) -> tuple[AnyOperation, ...]:
        return (
            Operation(
                id="getMe",
                method="GET",
                path="/v1/me",
                summary="One's own account.",
                handler=self.get_me,
                action=Action.PROFILE_READ,
                answers={200: UserAccount},
            ),
            Operation(
                id="updateMe",
                method="PATCH",
                path="/v1/me",
                summary="Change one's name.",
                handler=self.update_me,
                body=JSONBody(Profile),
                action=Action.PROFILE_WRITE,
                answers={200: UserAccount},
            ),
            Operation(
                id="changePassword",
                method="POST",
                path="/v1/me/password",
                summary="Change the password; the user's other sessions end.",
                handler=self.change_password,
                body=JSONBody(PasswordChange),
                action=Action.PASSWORD_CHANGE,
                answers={204: None},
                problems=(429,),
            ),
        )

    async def register(self, call: Call[Registration, None]) -> web.Response:
        body = call.body
        await self._accounts.register(body.email, body.password, body.name, address=call.address)
        return answer(Nothing(), 202)

    async def log_in(self, call: Call[PasswordLogin, None]) -> web.Response:
        self._check_mode(call.request, call.body.mode)
        device = _device_info(call.body.device)
        user, tokens = await self._accounts.login(call.body.email, call.body.password, device, address=call.address)
        return self._issued(user, tokens, call.body.mode)

    async def log_in_externally(self, call: Call[ExternalLogin, None]) -> web.Response:
        self._check_mode(call.request, call.body.mode)
        device = _device_info(call.body.device)
        user, tokens = await self._accounts.login_external(
            call.body.issuer, call.body.token, device, address=call.address
        )
        return self._issued(user, tokens, call.body.mode)

    async def refresh(self, call: Call[Refresh, None]) -> web.Response:
        """The mode is where the token is; a body wins over a cookie that the browser has added by itself."""
        mode: Mode = "token" if call.body.refresh_token else "cookie"
        token = call.body.refresh_token or self._token_of_cookie(call.request)
        device_id = call.body.device_id if mode == "token" else None  # the cookie's device is the browser
        tokens = await self._sessions.refresh(token, device_id=device_id, address=call.address)
        user = await self._accounts.user(tokens.session.user_id)
        return self._issued(user, tokens, mode)

    async def log_out(self, call: Call[None, None]) -> web.Response:
        """By bearer token, or by the cookie alone; the cookie is forgotten in either case."""
        if "Authorization" in call.request.headers:
            await self._end_session(await principal_of(call.request, self._sessions), call.address)
        else:
            token = self._token_of_cookie(call.request)
            await self._sessions.revoke_by_refresh_token(token, "logout", address=call.address)
        response = _no_content()
        clear_refresh_cookie(response)
        return response

    async def get_me(self, call: Call[None, None]) -> web.Response:
        return answer(user_shape(await self._accounts.user(call.caller.user)))

    async def update_me(self, call: Call[Profile, None]) -> web.Response:
        return answer(user_shape(await self._accounts.rename(call.caller.user, call.body.name)))

    async def change_password(self, call: Call[PasswordChange, None]) -> web.Response:
        body = call.body
        await self._accounts.change_password(
            call.caller, body.current_password, body.new_password, address=call.address
        )
        return _no_content()

    async def _end_session(self, principal: Principal, address: str) -> None:
        """What has been ended meanwhile is as it should be: two tabs log out at once."""
        try:
            await self._sessions.revoke(principal.user, principal.sid, "logout", actor=principal.user, address=address)
        except Refusal as refusal:
            if refusal.kind is not Kind.NOT_FOUND:
                raise

    def _check_mode(self, request: web.Request, mode: Mode) -> None:
        """A page that could log its visitor in to its own account could watch what the visitor then does there."""
        if mode == "cookie":
            check_csrf(request, self._pages)

    def _token_of_cookie(self, request: web.Request) -> str:
        token = refresh_token_of(request)
        if not token:
            raise Refusal(Kind.UNAUTHORIZED, "refresh_token_invalid", "there is no refresh token")
        check_csrf(request, self._pages)
        return token

    def _issued(self, user: User, tokens: Tokens, mode: Mode) -> web.Response:
        session = tokens.session
        issued = IssuedTokens(
            access_token=tokens.access_token,
            token_type="Bearer",
            expires_in=tokens.expires_in_s,
            session=own_session_shape(session),
            user=user_shape(user),
            refresh_token=tokens.refresh_token if mode == "token" else UNSET,
        )
        response = answer(issued)
        if mode == "cookie":
            left_s = max(1, int(session.expires_ms / 1000 - self._clock.now_s()))
            set_refresh_cookie(response, tokens.refresh_token, left_s)
        return response


def _device_info(device: Device) -> DeviceInfo:
    return DeviceInfo(device.id, device.name, device.platform)


def _no_content() -> web.Response:
    return web.Response(status=204)
