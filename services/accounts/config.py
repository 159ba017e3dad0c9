"""What accounts can be told: frozen values that `settings` fills."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class PasswordHashConfig:
    """Argon2id, and how much of the machine it may have: at most `workers` times `memory_kib` of memory.

    The defaults are the least that OWASP names. A log-in after a change makes the user's hash anew.

    Attributes:
        max_waiting: computations that may wait for a worker; beyond, callers are told to come back.
    """

    memory_kib: int = 19_456
    iterations: int = 2
    parallelism: int = 1
    workers: int = 2
    max_waiting: int = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """`burst` attempts at once, and one more every `interval_s` seconds."""

    burst: int
    interval_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ThrottleConfig:
    """How often something may fail. What succeeds does not count, nor what fails for another reason than a wrong guess.

    Attributes:
        login_account: log-ins to one account from devices that were never logged in to it, all together.
        login_device: log-ins to one account from one device that was.
        login_address: log-ins from one IPv4 /24 or IPv6 /64, to all accounts, from devices unknown to them.
        register_address: registrations from one such network; these count when they succeed, too.
        password_change: wrong current passwords of one user.
    """

    login_account: Allowance = Allowance(burst=10, interval_s=180)
    login_device: Allowance = Allowance(burst=10, interval_s=180)
    login_address: Allowance = Allowance(burst=50, interval_s=36)
    register_address: Allowance = Allowance(burst=20, interval_s=180)
    password_change: Allowance = Allowance(burst=5, interval_s=180)


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountsConfig:
    """Accounts and log-ins.

    Attributes:
        secret: the key that passwords are peppered and throttle buckets named with; at least 32 bytes, the same on all
            nodes. It is not in the database, so that the database alone is no use for guessing passwords.
        previous_secrets: what it was before. A user's password is moved to the current one when the user logs in;
            without the old one, passwords made under it are never right again.
        failed_attempt_retention_s: how long the audit trail keeps what strangers can make it grow with
            (`sessions.audit.FAILED`). All else it keeps for good.
    """

    secret: bytes = field(repr=False)
    previous_secrets: tuple[bytes, ...] = field(default=(), repr=False)
    registration_enabled: bool = True
    password_hash: PasswordHashConfig = field(default_factory=PasswordHashConfig)
    throttle: ThrottleConfig = field(default_factory=ThrottleConfig)
    throttle_sweep_interval_s: float = 60
    failed_attempt_retention_s: float = 90 * 86_400
