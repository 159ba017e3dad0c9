"""All operations of the REST API, and the application that serves them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from api.rest.accounts import AccountRoutes
from api.rest.application import RestApplication
from api.rest.audit import AuditRoutes
from api.rest.identity import IdentityRoutes
from api.rest.jwks import KeyRoutes
from api.rest.operations_channels import ChannelRoutes
from api.rest.operations_connections import ConnectionRoutes
from api.rest.operations_nodes import NodeRoutes
from api.rest.operations_relays import RelayRoutes
from api.rest.pages import Pages
from api.rest.sessions import SessionRoutes
from api.rest.state import StateRoutes
from api.rest.users import UserRoutes

if TYPE_CHECKING:
    from api.config import RestConfig
    from api.rest.operation import AnyOperation
    from hub.clock import Clock
    from services.accounts.service import Accounts
    from services.identity.backchannel_logout import BackchannelLogout
    from services.identity.security_events import SecurityEvents
    from services.operations.service import Operations
    from sessions.audit import Audit
    from sessions.login_sessions import LoginSessions
    from sessions.signing_keys import SigningKeys
    from sessions.state.documents import StateDocuments


OPERATIONS: Final = (NodeRoutes, ConnectionRoutes, ChannelRoutes, RelayRoutes)


class Routes(Protocol):
    def operations(self) -> tuple[AnyOperation, ...]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class RestServices:
    """What the routes stand on.

    Attributes:
        max_document_bytes: the largest document that `documents` takes, and so the largest body.
        operations: None where there is no console.
    """

    accounts: Accounts
    sessions: LoginSessions
    documents: StateDocuments
    audit: Audit
    keys: SigningKeys
    logout: BackchannelLogout
    events: SecurityEvents
    max_document_bytes: int
    operations: Operations | None = None


def rest_application(services: RestServices, config: RestConfig, clock: Clock) -> RestApplication:
    """The REST API of one node."""
    pages = Pages(config.allowed_origins)
    groups: list[Routes] = [
        AccountRoutes(services.accounts, services.sessions, pages, clock),
        SessionRoutes(services.accounts, services.sessions),
        UserRoutes(services.accounts),
        AuditRoutes(services.audit),
        StateRoutes(services.documents, services.max_document_bytes),
        IdentityRoutes(services.logout, services.events),
        KeyRoutes(services.keys),
    ]
    if services.operations is not None:
        groups += [routes(services.operations) for routes in OPERATIONS]
    return RestApplication(
        config,
        services.sessions,
        services.accounts.authorise,
        pages,
        clock,
        [operation for group in groups for operation in group.operations()],
    )
