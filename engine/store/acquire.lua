-- Takes the lease of a shard that nobody drains.
--
-- KEYS  1 the shard's lease, 2 its stream of events, 3 its timers
-- ARGV  owner, how long the lease holds in ms, how many due timers become events
-- gives {0, 0} when somebody drains it, else {number, strikes}
--
-- A lease that ran out without being given back counts against the event at the head of the stream: its drainer may
-- have died of it. The number only ever grows and fences off every earlier holder. Due timers become events here too,
-- so that they fire while beat is away.

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local lease = redis.call('HMGET', KEYS[1], 'owner', 'expires', 'strikes', 'suspect')
local strikes = 0
if lease[1] and lease[1] ~= '' then
  local expires = tonumber(lease[2])
  if expires > now and expires <= now + tonumber(ARGV[2]) then
    return {0, 0}
  end
  -- One that ends later than any can now was taken before the clock went back, and nobody died of anything.
  if expires <= now then
    local head = redis.call('XRANGE', KEYS[2], '-', '+', 'COUNT', 1)[1]
    local suspect = head and head[1] or ''
    strikes = 1
    if suspect ~= '' and suspect == lease[4] then
      strikes = tonumber(lease[3] or '0') + 1
    end
    redis.call('HSET', KEYS[1], 'strikes', strikes, 'suspect', suspect)
  end
end
local number = redis.call('HINCRBY', KEYS[1], 'number', 1)
redis.call('HSET', KEYS[1], 'owner', ARGV[1], 'expires', now + tonumber(ARGV[2]))
redis.call('HDEL', KEYS[1], 'bell')
for _, timer in ipairs(redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', now, 'LIMIT', 0, ARGV[3])) do
  redis.call('XADD', KEYS[2], '*', 'e', timer)
  redis.call('ZREM', KEYS[3], timer)
end
return {number, strikes}
