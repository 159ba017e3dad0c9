"""All operations of the REST API, and the application that serves them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from api.rest.accounts import AccountRoutes
from api.rest.application import RestApplication
from api.rest.audit import AuditRoutes
from api.rest.identity import IdentityRoutes
from api.rest.jwks import KeyRoutes
from api.rest.pages import Pages
from api.rest.sessions import SessionRoutes
from api.rest.state import StateRoutes
from api.rest.users import UserRoutes

if TYPE_CHECKING:
    from api.config import RestConfig
    from hub.clock import Clock
    from services.accounts.service import Accounts
    from services.identity.backchannel_logout import BackchannelLogout
    from services.identity.security_events import SecurityEvents
    from sessions.audit import Audit
    from sessions.login_sessions import LoginSessions
    from sessions.signing_keys import SigningKeys
    from sessions.state.documents import StateDocuments


@dataclass(frozen=True, slots=True, kw_only=True)
class RestServices:
    """What the routes stand on.

    Attributes:
        max_document_bytes: the largest document that `documents` takes, and so the largest body.
    """

    accounts: Accounts
    sessions: LoginSessions
    documents: StateDocuments
    audit: Audit
    keys: SigningKeys
    logout: BackchannelLogout
    events: SecurityEvents
    max_document_bytes: int


def rest_application(services: RestServices, config: RestConfig, clock: Clock) -> RestApplication:
    """The REST API of one node."""
    pages = Pages(config.allowed_origins)
    groups = (
        AccountRoutes(services.accounts, services.sessions, pages, clock),
        SessionRoutes(services.accounts, services.sessions),
        UserRoutes(services.accounts),
        AuditRoutes(services.audit),
        StateRoutes(services.documents, services.max_document_bytes),
        IdentityRoutes(services.logout, services.events),
        KeyRoutes(services.keys),
    )
    return RestApplication(
        config,
        services.sessions,
        services.accounts.authorise,
        pages,
        clock,
        [operation for group in groups for operation in group.operations()],
    )
