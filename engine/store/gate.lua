-- Gives places back at a gate and lets calls in (see gates.py).
--
-- KEYS  1 places held (zset: item by when it is free again), 2 the queue (zset: item by when it came),
--       3 the rate (when the next call would be due if all went evenly, ms), 4 the breaker (hash),
--       5 who looks at the gate again, 6 the names of all gates with a queue
-- ARGV  1 name, 2 owner, 3 room, 4 how many at once or "", 5 ms from one to the next or "", 6 burst, 7 "1" if a breaker
--       decides, 8 patience in ms or "", 9 how long a place is held in ms, 10 by how much a look may be late in ms,
--       11 the longest a breaker may be open in ms, then three lists, each led by its length: leaving, queued, fresh
-- gives {items, how many of the fresh, overdue, how many wait, when to look again in ms or -1}

local time = redis.call('TIME')
local now = time[1] * 1000 + time[2] / 1000
local places, queue, rate, breaker, watch, queues = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local name, owner, room = ARGV[1], ARGV[2], tonumber(ARGV[3])
local most = tonumber(ARGV[4]) or math.huge
local interval, burst = tonumber(ARGV[5]), tonumber(ARGV[6])
local patience, held = tonumber(ARGV[8]), tonumber(ARGV[9])

local at = 12
local function list()
  local count = tonumber(ARGV[at])
  local found = {unpack(ARGV, at + 1, at + count)}
  at = at + count + 1
  return found
end
local leaving, queued, fresh = list(), list(), list()

for _, item in ipairs(leaving) do
  redis.call('ZREM', places, item)
end
-- What is held for longer than it can be was written before the clock went back.
redis.call('ZREMRANGEBYSCORE', places, '-inf', now)
redis.call('ZREMRANGEBYSCORE', places, '(' .. (now + held + 1000), '+inf')

local again = -1
if ARGV[7] == '1' then
  local till = tonumber(redis.call('HGET', breaker, 'until') or '')
  if till and till > now + tonumber(ARGV[11]) then
    till = now
  end
  if till and till > now then
    most, again = 0, till - now
  elseif till then
    most = 1
  end
end

for index, item in ipairs(queued) do
  -- A call that comes again keeps its place in the queue.
  redis.call('ZADD', queue, 'NX', string.format('%.3f', now + index * 0.001), item)
end

local overdue = {}
if patience then
  overdue = redis.call('ZRANGEBYSCORE', queue, '-inf', now - patience, 'LIMIT', 0, room)
  for _, item in ipairs(overdue) do
    redis.call('ZREM', queue, item)
  end
  room = room - #overdue
end

local free = most
if most ~= math.huge then
  free = math.max(most - redis.call('ZCARD', places), 0)
end
-- The generic cell rate algorithm (ITU-T I.371): one number says how far ahead of an even flow the calls are.
local due, tolerance = now, 0
if interval then
  tolerance = interval * (burst - 1)
  due = math.max(tonumber(redis.call('GET', rate) or '') or 0, now)
  if due > now + tolerance + interval then
    due = now
  end
  free = math.min(free, math.max(math.floor((now + tolerance - due) / interval) + 1, 0))
end

local function pass(item)
  if most ~= math.huge then
    redis.call('ZADD', places, now + held, item)
  end
end

local items = {}
if math.min(free, room) > 0 then
  items = redis.call('ZRANGE', queue, 0, math.min(free, room) - 1)
end
for _, item in ipairs(items) do
  redis.call('ZREM', queue, item)
  pass(item)
end
local passed = #items
local waiting = redis.call('ZCARD', queue)
local entered = 0
if waiting == 0 then
  entered = math.min(free - passed, #fresh)
  for index = 1, entered do
    pass(fresh[index])
  end
  passed = passed + entered
end
if interval and passed > 0 then
  due = due + passed * interval
  redis.call('SET', rate, string.format('%.3f', due), 'PX', math.ceil(due - now + tolerance + 1000))
end

if waiting > 0 then
  redis.call('SADD', queues, name)
else
  redis.call('SREM', queues, name)
end
if waiting == 0 then
  again = -1
elseif interval and passed >= free and again < 0 then
  again = math.max(due - tolerance - now, 0)
end
if again >= 0 then
  -- One worker looks again, not all of them.
  local other = redis.call('GET', watch)
  if other and other ~= owner then
    again = -1
  else
    again = math.ceil(again)
    redis.call('SET', watch, owner, 'PX', again + tonumber(ARGV[10]))
  end
end
return {items, entered, overdue, waiting, again}
