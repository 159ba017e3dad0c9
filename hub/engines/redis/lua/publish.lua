-- Append publications to one channel and announce each, in order.
-- KEYS: meta, log, then the key of each publication's outcome.
-- ARGV: incarnation of the server, PUBLISH or SPUBLISH, pub/sub channel, an epoch nobody has used, then of each publication:
--       payload, and how it is kept: "<history size> <history TTL> <meta TTL> <outcome TTL> <version> <version epoch>"
--       (size 0: not kept; TTLs in ms).
-- Answers of each publication: offset (0: not kept), epoch, 1 when nothing was published.
local server, verb, doorbell, fresh_epoch = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local epoch, offset, version, version_epoch

local function text(number)
  return string.format('%.0f', number)
end

-- A server that is not the one which wrote last (restarted, promoted, the slot moved) may have lost publications:
-- what it has stays, but positions go on in a new epoch, so that nobody takes new ones for lost ones.
local function load()
  local meta = redis.call('HMGET', KEYS[1], 'e', 'o', 'r', 'v', 'w')
  epoch, offset = meta[1], tonumber(meta[2] or 0)
  version, version_epoch = meta[4] or '0', meta[5] or ''
  if not epoch then
    redis.call('DEL', KEYS[2])
  end
  if not epoch or meta[3] ~= server then
    epoch = fresh_epoch
    redis.call('HSET', KEYS[1], 'e', epoch, 'b', text(offset), 'o', text(offset), 'r', server)
  end
end

-- As decimals: a version may be larger than what a number of Lua's holds exactly.
local function is_above(one, other)
  return #one > #other or (#one == #other and one > other)
end

local function is_outdated(new_version, new_version_epoch)
  return new_version ~= '0' and not is_above(new_version, version)
    and (new_version_epoch == '' or new_version_epoch == version_epoch)
end

local function keep(payload, size, ttl, meta_ttl, new_version, new_version_epoch)
  if is_outdated(new_version, new_version_epoch) then
    return false
  end
  redis.call('XADD', KEYS[2], 'MAXLEN', '=', size, text(offset + 1) .. '-0', 'p', payload)
  offset = offset + 1
  if new_version ~= '0' then
    version, version_epoch = new_version, new_version_epoch
  end
  redis.call('HSET', KEYS[1], 'o', text(offset), 'v', version, 'w', version_epoch)
  redis.call('PEXPIRE', KEYS[2], ttl)
  redis.call('PEXPIRE', KEYS[1], math.max(meta_ttl, ttl))
  return true
end

local HOW = '^(%d+) (%d+) (%d+) (%d+) (%d+) (.*)$'
local answers = {}
local function answer(at, in_epoch, is_suppressed)
  answers[#answers + 1] = at
  answers[#answers + 1] = in_epoch
  answers[#answers + 1] = is_suppressed
end

for number = 0, #KEYS - 3 do
  local payload, how = ARGV[5 + number * 2], ARGV[6 + number * 2]
  local size, ttl, meta_ttl, outcome_ttl, new_version, new_version_epoch = string.match(how, HOW)
  local outcome_key = KEYS[number + 3]
  local known = redis.call('GET', outcome_key)
  if known then
    local at, in_epoch = string.match(known, '^(%d+):(.*)$')
    answer(tonumber(at), in_epoch, 1)
  else
    local is_published, outcome, body = true, '0:', nil
    if size ~= '0' and ttl ~= '0' then
      if not epoch then
        load()
      end
      is_published = keep(payload, size, tonumber(ttl), tonumber(meta_ttl), new_version, new_version_epoch)
      outcome = text(offset) .. ':' .. epoch
      body = '{"o":' .. text(offset) .. ',"e":"' .. epoch .. '","p":' .. payload .. '}'
      answer(offset, epoch, is_published and 0 or 1)
    else
      body = '{"p":' .. payload .. '}'
      answer(0, '', 0)
    end
    if outcome_ttl ~= '0' then
      redis.call('SET', outcome_key, outcome, 'PX', outcome_ttl)
    end
    if is_published then
      redis.call(verb, doorbell, body)
    end
  end
end
return answers
