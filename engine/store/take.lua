-- Takes calls: each that still is what was read becomes its taker's until a deadline.
--
-- KEYS  1 the shard's calls, then one key for each call
-- ARGV  for each call: its id, its head as it was read, the new head, how long it is its taker's in ms
-- gives for each call 1 (taken) or 0 (somebody else has it, or it is gone)

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local taken = {}
for index = 2, #KEYS do
  local at = (index - 2) * 4
  if redis.call('HGET', KEYS[index], 'head') == ARGV[at + 2] and redis.call('ZSCORE', KEYS[1], ARGV[at + 1]) then
    redis.call('HSET', KEYS[index], 'head', ARGV[at + 3])
    redis.call('ZADD', KEYS[1], now + tonumber(ARGV[at + 4]), ARGV[at + 1])
    taken[index - 1] = 1
  else
    taken[index - 1] = 0
  end
end
return taken
