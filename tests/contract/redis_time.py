"""Lets time pass for what is in Redis without waiting: everything that would expire is brought nearer to it.

TTLs in the contract are whole seconds, so what is left of one is rounded up before: the real time that a test takes
does not count, as long as it is less than a second between two looks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.support.redis import RedisServer

_ADVANCE: Final = """
local passed = tonumber(ARGV[1]) * 1000
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

local function left(milliseconds)
  return math.ceil(milliseconds / 1000) * 1000 - passed
end

local function bring_leases_nearer(key)
  local leases = redis.call('ZRANGE', key, 0, -1, 'WITHSCORES')
  for index = 1, #leases, 2 do
    redis.call('ZADD', key, now + left(tonumber(leases[index + 1]) - now), leases[index])
  end
end

for _, key in ipairs(redis.call('KEYS', '*')) do
  if redis.call('TYPE', key).ok == 'zset' then
    bring_leases_nearer(key)
  end
  local ttl = redis.call('PTTL', key)
  if ttl >= 0 then
    redis.call('PEXPIRE', key, left(ttl))
  end
end
return 1
"""


async def let_pass(seconds: float, servers: Iterable[RedisServer]) -> None:
    for server in servers:
        await server.execute("EVAL", _ADVANCE, 0, seconds)
