-- Counts what came of calls to a host, and opens or closes its breaker (see gates.py).
--
-- KEYS  1 the breaker (hash: `s<second>` and `f<second>` while it is closed; `until`, `since`, `openings`, `passed`,
--       `cause`, `connector` when it is not), 2 the hosts whose breaker is not closed (zset: by when it is forgotten)
-- ARGV  1 host, 2 seconds counted, 3 calls, 4 share of failures, 5 open for ms, 6 at most, 7 probes, 8 jitter,
--       9 seconds remembered, 10 probes that succeeded, 11 that failed, 12 cause, 13 connector,
--       then by threes: seconds ago, successes, failures
-- gives "closed", "open" or "half_open"

local time = redis.call('TIME')
local second = tonumber(time[1])
local now = second * 1000 + math.floor(time[2] / 1000)
local breaker, troubled, host = KEYS[1], KEYS[2], ARGV[1]
local counted, kept = tonumber(ARGV[2]), tonumber(ARGV[9])
local succeeded, failed = tonumber(ARGV[10]), tonumber(ARGV[11])

local function open(openings)
  local wait = math.min(tonumber(ARGV[5]) * 2 ^ openings, tonumber(ARGV[6])) * tonumber(ARGV[8])
  redis.call('HSET', breaker, 'until', math.floor(now + wait), 'openings', openings + 1, 'passed', 0,
    'cause', ARGV[12], 'connector', ARGV[13])
  redis.call('HSETNX', breaker, 'since', now)
  redis.call('EXPIRE', breaker, kept)
  redis.call('ZADD', troubled, second + kept, host)
  return 'open'
end

redis.call('ZREMRANGEBYSCORE', troubled, '-inf', second)
local state = redis.call('HMGET', breaker, 'until', 'openings', 'passed')
local till = tonumber(state[1] or '')
if till then
  if failed > 0 then
    return open(tonumber(state[2]))
  end
  if succeeded > 0 then
    if tonumber(state[3]) + succeeded >= tonumber(ARGV[7]) then
      redis.call('DEL', breaker)
      redis.call('ZREM', troubled, host)
      return 'closed'
    end
    redis.call('HINCRBY', breaker, 'passed', succeeded)
  end
  -- Of calls that began before it opened nothing is learned.
  if till > now then
    return 'open'
  end
  return 'half_open'
end

for at = 14, #ARGV, 3 do
  local of = second - tonumber(ARGV[at])
  redis.call('HINCRBY', breaker, 's' .. of, ARGV[at + 1])
  redis.call('HINCRBY', breaker, 'f' .. of, ARGV[at + 2])
end
local successes, failures = 0, 0
local fields = redis.call('HGETALL', breaker)
for index = 1, #fields, 2 do
  local kind, of = string.sub(fields[index], 1, 1), tonumber(string.sub(fields[index], 2))
  if of <= second - counted or of > second then
    redis.call('HDEL', breaker, fields[index])
  elseif kind == 's' then
    successes = successes + tonumber(fields[index + 1])
  else
    failures = failures + tonumber(fields[index + 1])
  end
end
local calls = successes + failures
if calls >= tonumber(ARGV[3]) and failures >= tonumber(ARGV[4]) * calls then
  redis.call('DEL', breaker)
  return open(0)
end
redis.call('EXPIRE', breaker, counted + 1)
return 'closed'
