-- Takes calls: each that still is what was read becomes its taker's until a deadline.
--
-- KEYS  1 the shard's calls, then one key for each call
-- ARGV  1 when each must still be due, else 0; for each call: its id, its head as it was read, the new head, how long it
--       is its taker's in ms
-- gives for each call 1 (taken) or 0 (somebody else has it, or it is gone)

-- A call that was due when it was looked for may be somebody else's since, and the head that was read afterwards his.
local only_due = ARGV[1] == '1'
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local taken = {}
for index = 2, #KEYS do
  local at = (index - 2) * 4 + 1
  local due = redis.call('ZSCORE', KEYS[1], ARGV[at + 1])
  if due and (not only_due or tonumber(due) <= now) and redis.call('HGET', KEYS[index], 'head') == ARGV[at + 2] then
    redis.call('HSET', KEYS[index], 'head', ARGV[at + 3])
    redis.call('ZADD', KEYS[1], now + tonumber(ARGV[at + 4]), ARGV[at + 1])
    taken[index - 1] = 1
  else
    taken[index - 1] = 0
  end
end
return taken
