-- Makes events of timers that are due: each once, in order.
--
-- KEYS  1 the shard's lease, 2 its stream of events, 3 its timers
-- ARGV  how many at most
-- gives {how many, 1 when the doorbell must be rung}

local BELL_MS, LEASE_MS = 2000, 5000

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local due = redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', now, 'LIMIT', 0, ARGV[1])
for _, timer in ipairs(due) do
  redis.call('XADD', KEYS[2], '*', 'e', timer)
  redis.call('ZREM', KEYS[3], timer)
end
if #due == 0 then
  return {0, 0}
end

local lease = redis.call('HMGET', KEYS[1], 'owner', 'expires', 'bell')
-- What lies further ahead than it can was written by a clock that has gone back since.
local expires, bell = tonumber(lease[2]), tonumber(lease[3])
if lease[1] and lease[1] ~= '' and expires > now and expires <= now + LEASE_MS then
  return {#due, 0}
end
if bell and bell > now - BELL_MS and bell <= now then
  return {#due, 0}
end
redis.call('HSET', KEYS[1], 'bell', now)
return {#due, 1}
