"""E-mail addresses, and when two of them are the same."""

from __future__ import annotations

import re
import unicodedata

from sessions.refusal import Kind, Refusal

MAX_LENGTH = 254
"""RFC 5321 4.5.3.1.3, less the angle brackets."""

MAX_LOCAL_LENGTH = 64
MAX_DOMAIN_LENGTH = 253

NO_ADDRESS_DOMAIN = "no-address.invalid"
"""Where the addresses of users lie who have none: RFC 2606 keeps `.invalid` free for ever."""

# RFC 5322 dot-atom, with letters beyond ASCII (RFC 6531). Quoted local parts and address literals are refused.
_LOCAL = re.compile(r"[\w!#$%&'*+/=?^`{|}~-]+(?:\.[\w!#$%&'*+/=?^`{|}~-]+)*")
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")

# IDNA 2003, which the standard library has, and IDNA 2008 part at these four characters alone (UTS 46 section 7). The
# older one turns straße.example into strasse.example, whose owner may be another: such a domain is taken as xn--… only.
_DEVIATIONS = frozenset("ßς\u200c\u200d")


def fold(text: str) -> str:
    """The one form of an address that is compared and kept: NFKC, lower case, the domain in its ASCII form.

    Lower case for the local part too: RFC 5321 lets a mail server tell `Ann@` from `ann@`, and none in use does.

    Raises:
        Refusal: INVALID, field `email`. It does not depend on who has an account.
    """
    if len(text) > MAX_LENGTH:
        raise _invalid(f"at most {MAX_LENGTH} characters")
    local, at, domain = text.strip().rpartition("@")
    folded = f"{_fold_local(local)}@{_fold_domain(domain)}"
    if not at or len(folded.encode()) > MAX_LENGTH:
        raise _invalid("not an e-mail address")
    return folded


def is_plain(text: str, folded: str) -> bool:
    """Whether folding changed only the case: what another system calls by this name is then surely the same mailbox."""
    return text.strip().lower() == folded


def placeholder(user_id: str) -> str:
    """The address of a user who has none that we could believe."""
    return f"{user_id}@{NO_ADDRESS_DOMAIN}"


def _fold_local(local: str) -> str:
    folded = unicodedata.normalize("NFKC", local).lower()
    if len(folded.encode("utf-8", "replace")) > MAX_LOCAL_LENGTH or not _LOCAL.fullmatch(folded):
        raise _invalid("not an e-mail address")
    return folded


def _fold_domain(domain: str) -> str:
    if not _DEVIATIONS.isdisjoint(domain.lower()):
        raise _invalid("write the domain in its ASCII form, xn--…")
    try:
        folded = unicodedata.normalize("NFKC", domain).lower().encode("idna").decode().lower()
    except UnicodeError as exc:
        raise _invalid("write the domain in its ASCII form, xn--…") from exc
    if len(folded) > MAX_DOMAIN_LENGTH or not all(map(_LABEL.fullmatch, folded.split("."))):
        raise _invalid("not an e-mail address")
    return folded


def _invalid(detail: str) -> Refusal:
    return Refusal(Kind.INVALID, "invalid_field", detail, field="email")
