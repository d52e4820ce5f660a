-- Gives a lease back.
--
-- KEYS  1 the shard's lease, 2 its stream of events
-- ARGV  the lease as "<number>:<owner>", "1" when the drainer leaves events behind on purpose and rings itself
-- gives 1 when the lease is given back or was lost, 0 when events wait: the drainer goes on, and nothing is left lying

local lease = redis.call('HMGET', KEYS[1], 'number', 'owner')
if (lease[1] or '') .. ':' .. (lease[2] or '') ~= ARGV[1] then
  return 1
end
if ARGV[2] ~= '1' and redis.call('XLEN', KEYS[2]) > 0 then
  return 0
end
redis.call('HSET', KEYS[1], 'owner', '')
redis.call('HDEL', KEYS[1], 'strikes', 'suspect')
if ARGV[2] == '1' then
  local time = redis.call('TIME')
  redis.call('HSET', KEYS[1], 'bell', time[1] * 1000 + math.floor(time[2] / 1000))
end
return 1
