-- Transactions of one shard, each for itself: compares what was read and writes everything, or nothing.
--
-- KEYS  1 the shard's lease, 2 its stream of events, then those of each transaction, one after another
-- ARGV  the lease that must still be held, "<number>:<owner>", or ""
--       "1" when the answer is to say whether the doorbell must be rung
--       then each transaction:
--         how many arguments follow until its end, and how many keys are its own
--         how many events and calls may wait already, or ""; the key index of the calls
--         how many comparisons; each: key index, how the field `head` must begin ("" : the key must not exist)
--         writes: command, key index, number of arguments, arguments
--       key indexes: 1 and 2 as above, from 3 on the transaction's own
-- gives "1" when the doorbell must be rung, else "", then for each transaction:
--       -2 too much waits already, -1 the lease is lost, 0 a comparison failed, 1 done, or an error
--
-- Every key's type is checked before the first write, so an error never leaves half a transaction. A drainer's writes
-- begin with the removal of its events, so that a full Redis (which refuses scripts that begin with a growing
-- write) still lets drains go on.

local TYPES = {
  HSET = 'hash', HDEL = 'hash', HINCRBY = 'hash', RPUSH = 'list', LREM = 'list', LTRIM = 'list', ZADD = 'zset', ZREM = 'zset', XADD = 'stream', XDEL = 'stream',
}
local BELL_MS, LEASE_MS = 2000, 5000

-- By key the type that it is known to be of, or may become.
local known = {}

local function now_ms()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

local function key_of(index, base)
  index = tonumber(index)
  return KEYS[index <= 2 and index or base + index]
end

local function transaction(at, finish, base)
  local most, calls, compared = ARGV[at], ARGV[at + 1], tonumber(ARGV[at + 2])
  at = at + 3
  for _ = 1, compared do
    local key, expected = key_of(ARGV[at], base), ARGV[at + 1]
    local head = redis.pcall('HGET', key, 'head')
    if type(head) == 'table' then return head end
    if expected == '' then
      if head then return 0 end
    elseif not head or string.sub(head, 1, #expected) ~= expected then
      return 0
    end
    known[key] = 'hash'
    at = at + 2
  end

  if most ~= '' then
    -- Calls that somebody makes, that pause or that wait for a callback are nobody's backlog.
    local due = redis.call('ZCOUNT', key_of(calls, base), '-inf', now_ms())
    if redis.call('XLEN', KEYS[2]) + due >= tonumber(most) then
      return -2
    end
  end

  local first_write = at
  while at <= finish do
    local wanted = TYPES[ARGV[at]]
    if wanted then
      local key = key_of(ARGV[at + 1], base)
      if known[key] ~= wanted then
        local kind = redis.call('TYPE', key).ok
        if kind ~= wanted and kind ~= 'none' then
          return redis.error_reply('WRONGTYPE ' .. key .. ' holds a ' .. kind .. ', not a ' .. wanted)
        end
        known[key] = wanted
      end
    end
    at = at + 3 + tonumber(ARGV[at + 2])
  end

  at = first_write
  while at <= finish do
    local last = at + 2 + tonumber(ARGV[at + 2])
    redis.call(ARGV[at], key_of(ARGV[at + 1], base), unpack(ARGV, at + 3, last))
    at = last + 1
  end
  return 1
end

local held, ring = ARGV[1], ARGV[2]
local is_held = true
if held ~= '' then
  local lease = redis.call('HMGET', KEYS[1], 'number', 'owner')
  is_held = (lease[1] or '') .. ':' .. (lease[2] or '') == held
end

local answers, done = {''}, false
local at, base = 3, 0
while at <= #ARGV do
  local finish = at + 1 + tonumber(ARGV[at])
  local answer = is_held and transaction(at + 2, finish, base) or -1
  answers[#answers + 1] = answer
  done = done or answer == 1
  base = base + tonumber(ARGV[at + 1])
  at = finish + 1
end

if ring ~= '1' or not done then
  return answers
end
local now = now_ms()
local lease = redis.call('HMGET', KEYS[1], 'owner', 'expires', 'bell')
-- What lies further ahead than it can was written by a clock that has gone back since.
local expires, bell = tonumber(lease[2]), tonumber(lease[3])
if lease[1] and lease[1] ~= '' and expires > now and expires <= now + LEASE_MS then
  return answers
end
if bell and bell > now - BELL_MS and bell <= now then
  return answers
end
redis.call('HSET', KEYS[1], 'bell', now)
answers[1] = '1'
return answers
