-- Compares what was read and writes everything, or nothing.
--
-- KEYS  1 the shard's lease, 2 its stream of events, then whatever the comparisons and writes name
-- ARGV  the lease that must still be held, "<number>:<owner>", or ""
--       "1" when the answer is to say whether the doorbell must be rung
--       how many events and calls may wait already, or ""; the key index of the calls
--       how many comparisons; each: key index, how the field `head` must begin ("" : the key must not exist)
--       then writes until the end; each: command, key index, number of arguments, arguments
-- gives -2 too much waits already, -1 the lease is lost, 0 a comparison failed, 1 done, 2 done and the doorbell must be rung
--
-- Every key's type is checked before the first write, so an error never leaves half a commit. A drainer's writes
-- begin with the removal of its events, so that a full Redis (which refuses scripts that begin with a growing
-- write) still lets drains go on.

local TYPES = {
  HSET = 'hash', HDEL = 'hash', RPUSH = 'list', LREM = 'list', LTRIM = 'list', ZADD = 'zset', ZREM = 'zset', XADD = 'stream', XDEL = 'stream',
}
local BELL_MS, LEASE_MS = 2000, 5000

local held, ring, most, calls, compared = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])

if held ~= '' then
  local lease = redis.call('HMGET', KEYS[1], 'number', 'owner')
  if (lease[1] or '') .. ':' .. (lease[2] or '') ~= held then
    return -1
  end
end

local at = 6
for _ = 1, compared do
  local head = redis.call('HGET', KEYS[tonumber(ARGV[at])], 'head')
  local expected = ARGV[at + 1]
  if expected == '' then
    if head then return 0 end
  elseif not head or string.sub(head, 1, #expected) ~= expected then
    return 0
  end
  at = at + 2
end

if most ~= '' then
  -- Calls that somebody makes, that pause or that wait for a callback are nobody's backlog.
  local time = redis.call('TIME')
  local due = redis.call('ZCOUNT', KEYS[calls], '-inf', time[1] * 1000 + math.floor(time[2] / 1000))
  if redis.call('XLEN', KEYS[2]) + due >= tonumber(most) then
    return -2
  end
end

local first_write = at
local seen = {}
while at <= #ARGV do
  local wanted, key = TYPES[ARGV[at]], KEYS[tonumber(ARGV[at + 1])]
  if wanted and not seen[key] then
    local kind = redis.call('TYPE', key).ok
    if kind ~= wanted and kind ~= 'none' then
      return redis.error_reply('WRONGTYPE ' .. key .. ' holds a ' .. kind .. ', not a ' .. wanted)
    end
    seen[key] = true
  end
  at = at + 3 + tonumber(ARGV[at + 2])
end

at = first_write
while at <= #ARGV do
  local count = tonumber(ARGV[at + 2])
  redis.call(ARGV[at], KEYS[tonumber(ARGV[at + 1])], unpack(ARGV, at + 3, at + 2 + count))
  at = at + 3 + count
end

if ring ~= '1' then
  return 1
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local lease = redis.call('HMGET', KEYS[1], 'owner', 'expires', 'bell')
-- What lies further ahead than it can was written by a clock that has gone back since.
local expires, bell = tonumber(lease[2]), tonumber(lease[3])
if lease[1] and lease[1] ~= '' and expires > now and expires <= now + LEASE_MS then
  return 1
end
if bell and bell > now - BELL_MS and bell <= now then
  return 1
end
redis.call('HSET', KEYS[1], 'bell', now)
return 2
