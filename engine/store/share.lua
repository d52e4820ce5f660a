-- Writes shared data, all or nothing, once for each mark.
--
-- KEYS  1 the values of a place, 2 the mark of this write, 3 the sign that the place was closed
-- ARGV  1 the digest of what is asked ('' where no mark is to be left), 2 how long a mark is kept in seconds,
--       3 the version that is expected ('' for any), 4 how many names a place may hold,
--       5 how many values are expected, then for each its name, the value, and '1' where it may be missing,
--       then for each that is written its name and the value
-- gives done | differs | closed | full | other (the mark stands for another write)

local digest, expected = ARGV[1], tonumber(ARGV[5])

local function outcome()
  if redis.call('EXISTS', KEYS[3]) == 1 then
    return 'closed'
  end
  local version = redis.call('HGET', KEYS[1], ':version') or '0'
  if ARGV[3] ~= '' and ARGV[3] ~= version then
    return 'differs'
  end
  for index = 6, 5 + 3 * expected, 3 do
    local found = redis.call('HGET', KEYS[1], ARGV[index])
    if found then
      if found ~= ARGV[index + 1] then
        return 'differs'
      end
    elseif ARGV[index + 2] ~= '1' then
      return 'differs'
    end
  end
  local names = redis.call('HLEN', KEYS[1])
  if names > 0 then
    names = names - 1
  end
  for index = 6 + 3 * expected, #ARGV, 2 do
    names = names + 1 - redis.call('HEXISTS', KEYS[1], ARGV[index])
  end
  if names > tonumber(ARGV[4]) then
    return 'full'
  end
  return 'done'
end

if digest ~= '' then
  local mark = redis.call('HMGET', KEYS[2], 'digest', 'outcome')
  if mark[1] then
    return mark[1] == digest and mark[2] or 'other'
  end
end
local found = outcome()
if digest ~= '' then
  redis.call('HSET', KEYS[2], 'digest', digest, 'outcome', found)
  redis.call('EXPIRE', KEYS[2], ARGV[2])
end
if found == 'done' then
  for index = 6 + 3 * expected, #ARGV, 2 do
    redis.call('HSET', KEYS[1], ARGV[index], ARGV[index + 1])
  end
  redis.call('HINCRBY', KEYS[1], ':version', 1)
end
return found
