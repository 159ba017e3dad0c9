"""What an account is, as values."""

from __future__ import annotations

import enum
import unicodedata
from dataclasses import dataclass

from sessions.refusal import Kind, Refusal

MAX_NAME_LENGTH = 64


class Role(enum.StrEnum):
    CUSTOMER = "CUSTOMER"
    VENDOR = "VENDOR"
    OPS = "OPS"
    """Runs the installation: sees it and acts on it, and knows nothing of accounts."""
    ADMIN = "ADMIN"


class Status(enum.StrEnum):
    ACTIVE = "active"
    DISABLED = "disabled"


@dataclass(frozen=True, slots=True)
class User:
    """An account. `email` is folded (`email_address.fold`), times are milliseconds since the epoch."""

    id: str
    email: str
    name: str
    role: Role
    status: Status
    created_ms: int

    @property
    def is_active(self) -> bool:
        return self.status is Status.ACTIVE

    @property
    def roles(self) -> frozenset[str]:
        return frozenset({self.role.value})


@dataclass(frozen=True, slots=True)
class Credentials:
    """A user with what a password is compared to: "" where only an identity provider vouches for the user."""

    user: User
    password_hash: str

    def __repr__(self) -> str:
        return f"Credentials(user={self.user.id})"


@dataclass(frozen=True, slots=True)
class UserPage:
    """Users in the order of their ids, which is the order of their making. `next_cursor` is "" at the end."""

    users: tuple[User, ...]
    next_cursor: str


def clean_name(text: str) -> str:
    """A display name: trimmed, NFC, printable, at most 64 characters; it may be empty.

    Raises:
        Refusal: INVALID, field `name`.
    """
    name = unicodedata.normalize("NFC", text).strip()
    if len(name) > MAX_NAME_LENGTH:
        raise Refusal(Kind.INVALID, "invalid_field", f"at most {MAX_NAME_LENGTH} characters", field="name")
    if not name.isprintable():
        raise Refusal(Kind.INVALID, "invalid_field", "control characters are not allowed", field="name")
    return name
