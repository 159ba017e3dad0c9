"""What the change log weighs, and how it is kept from weighing more.

`state_users.log_bytes` is the sum of `state_changes.bytes` of the user: whoever adds, strips or forgets changes sets it
right in the same unit of work, under the lock of the user's row.

Over the quota the oldest patches of the documents at hand are dropped, and their rows stay: mutation ids are known as
long as ever, and whoever asks for such a change is told to get the document. Work is bounded: a mutation looks at some
rows, and what they do not make room for is not kept itself.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import msgspec

from storage.database import Query

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sessions.state.ledger import Ledger
    from storage.database import Row, Transaction

MIN_ROWS = 64
"""Rows at the end of a document's log that a unit of work looks at, for whatever reason; with ROWS_PER_MUTATION more
for each mutation in it, so that a log that is full loses as many as it gets."""

ROWS_PER_MUTATION = 2

# $1 is an array of [user, key, after, up to, rows]: the first so many changes of each document in that range. Versions
# have no gaps worth the name, so SQLite, which has no LATERAL, counts them from the first one that is there.
_OLDEST = Query(
    "state_oldest_changes",
    """SELECT c.user_id, c.key, c.version, c.bytes, c.at_ms FROM json_each($1) w JOIN state_changes c
         ON c.user_id = json_extract(w.value, '$[0]') AND c.key = json_extract(w.value, '$[1]')
         AND c.version > json_extract(w.value, '$[2]')
         AND c.version <= min(
             json_extract(w.value, '$[3]'),
             json_extract(w.value, '$[4]') - 1 + (
                 SELECT min(version) FROM state_changes
                 WHERE user_id = json_extract(w.value, '$[0]') AND key = json_extract(w.value, '$[1]')
                   AND version > json_extract(w.value, '$[2]')))
       ORDER BY c.user_id, c.key, c.version""",
    """SELECT c.user_id, c.key, c.version, c.bytes, c.at_ms FROM json_array_elements($1::json) w
       CROSS JOIN LATERAL (
           SELECT * FROM state_changes
           WHERE user_id = w->>0 AND key = w->>1
             AND version > (w->>2)::bigint AND version <= (w->>3)::bigint
           ORDER BY version LIMIT (w->>4)::bigint
       ) c ORDER BY c.user_id, c.key, c.version""",
)
_DELETE = Query(
    "state_delete_changes", "DELETE FROM state_changes WHERE user_id = $1 AND key = $2 AND version <= $3 AND at_ms < $4"
)
_STRIP = Query(
    "state_strip_changes",
    """UPDATE state_changes SET patch = '', bytes = 0
       WHERE user_id = $1 AND key = $2 AND version > $3 AND version <= $4 AND bytes > 0""",
)

_LOCK_USERS = Query(
    "state_lock_log_owners",
    "SELECT user_id FROM state_users WHERE user_id IN (SELECT value FROM json_each($1)) ORDER BY user_id",
    """SELECT user_id FROM state_users
       WHERE user_id IN (SELECT json_array_elements_text($1::json)) ORDER BY user_id FOR UPDATE""",
)
_WEIGHT = Query(
    "state_weight_of_changes",
    """SELECT c.user_id, sum(c.bytes) FROM json_each($1) w JOIN state_changes c
         ON c.user_id = json_extract(w.value, '$[0]') AND c.key = json_extract(w.value, '$[1]')
         AND c.version <= json_extract(w.value, '$[2]')
       WHERE c.at_ms < $2 GROUP BY c.user_id""",
    """SELECT c.user_id, sum(c.bytes)::bigint FROM json_array_elements($1::json) w
       CROSS JOIN LATERAL (
           SELECT user_id, bytes FROM state_changes
           WHERE user_id = w->>0 AND key = w->>1 AND version <= (w->>2)::bigint AND at_ms < $2
       ) c GROUP BY c.user_id""",
)
_LIGHTEN = Query("state_lighten_log", "UPDATE state_users SET log_bytes = log_bytes - $2 WHERE user_id = $1")

Place = tuple[str, str]
"""(user, key) of a document."""


async def trim(tx: Transaction, ledger: Ledger, before_ms: int) -> None:
    """Forget what is far back and older than this at the end of the logs that the ledger names."""
    writes = Counter((accepted.user, accepted.mutation.key) for accepted in ledger.accepted)
    ranges = [(*place, 0, up_to, _num_rows(writes[place])) for place, up_to in ledger.trims.items()]
    cuts: dict[Place, int] = {}
    for user, key, version, num_bytes, at_ms in await tx.fetch(_OLDEST, _json(ranges)):
        if at_ms < before_ms:
            cuts[user, key] = version
            ledger.holdings[user].log_bytes -= num_bytes
    if cuts:
        await tx.execute_many(_DELETE, [(*place, version, before_ms) for place, version in cuts.items()])


async def strip(tx: Transaction, ledger: Ledger) -> None:
    """Drop patches of users who are over the quota, until they have no more than that, or than they had before.

    The changes of the ledger are in the log already.
    """
    over = {user for user in {accepted.user for accepted in ledger.accepted} if _is_over(ledger, user)}
    if not over:
        return
    writes = Counter((one.user, one.mutation.key) for one in ledger.accepted if one.user in over)
    slots = {place: ledger.slots[place] for place in writes}
    ranges = [(*at, slot.stripped_version, slot.version, _num_rows(writes[at])) for at, slot in slots.items()]
    before = {place: slot.stripped_version for place, slot in slots.items()}
    _strip_oldest(ledger, await tx.fetch(_OLDEST, _json(ranges)))
    cuts = [
        (*at, before[at], slot.stripped_version) for at, slot in slots.items() if slot.stripped_version > before[at]
    ]
    await tx.execute_many(_STRIP, [*cuts, *_strip_newest(ledger, over)])


def _strip_oldest(ledger: Ledger, rows: Iterable[Row]) -> None:
    for user, key, version, num_bytes, _ in rows:
        if _is_over(ledger, user):
            ledger.slots[user, key].stripped_version = version
            ledger.holdings[user].log_bytes -= num_bytes
            ledger.num_stripped += num_bytes > 0


def _strip_newest(ledger: Ledger, over: Iterable[str]) -> Iterable[tuple[str, str, int, int]]:
    """What this unit of work has added itself, where the oldest have not made room for it."""
    for accepted in ledger.accepted:
        user, key, version = accepted.user, accepted.mutation.key, accepted.version
        if user in over and _is_over(ledger, user) and version > ledger.slots[user, key].stripped_version:
            ledger.holdings[user].log_bytes -= len(accepted.mutation.patch)
            ledger.num_stripped += 1
            yield user, key, version - 1, version


def _is_over(ledger: Ledger, user: str) -> bool:
    return ledger.holdings[user].log_bytes > ledger.config.log_quota_bytes


def _num_rows(num_mutations: int) -> int:
    return MIN_ROWS + ROWS_PER_MUTATION * num_mutations


async def forget(tx: Transaction, cuts: Mapping[Place, int], before_ms: int) -> None:
    """Delete the changes of these documents up to a version that are older than this."""
    users = sorted({user for user, _ in cuts})
    await tx.fetch(_LOCK_USERS, _json(users))
    rows = [(*place, version) for place, version in sorted(cuts.items())]
    weights = await tx.fetch(_WEIGHT, _json(rows), before_ms)
    await tx.execute_many(_DELETE, [(*row, before_ms) for row in rows])
    await tx.execute_many(_LIGHTEN, sorted(weights))


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
