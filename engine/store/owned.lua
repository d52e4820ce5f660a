-- Counts what people have in hand.
--
-- KEYS  for each of them the index of the live items that he owns in this shard
-- gives for each how many there are

local counts = {}
for index = 1, #KEYS do
  counts[index] = redis.call('ZCARD', KEYS[index])
end
return counts
