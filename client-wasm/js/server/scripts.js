// What Redis does in one step. Of each scope there are three keys:
//   entries   a hash. Field `7`, or `7#hash` where two events have the same number: `P hash node|alive|deadline`, a claim, or
//             `D hash result`; without spaces, the hash has 22 characters. Fields `base`, and `bytes` of the results
//   done      the fields of results by time
//   open      the fields of claims by time
// Time is Redis's own, so that nodes need not agree on it.
import { createHash } from "node:crypto";

const before = `
local entries, done, open = KEYS[1], KEYS[2], KEYS[3]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
-- In microseconds, so that there is an order.
local score = time[1] * 1000000 + time[2]
local function text(number) return string.format('%.0f', number) end
local function number(field) return tonumber(string.match(field, '^%d+')) end
local function expire(ttl) for _, key in ipairs(KEYS) do redis.call('PEXPIRE', key, ttl) end end
local function base() return tonumber(redis.call('HGET', entries, 'base') or '0') end
local function result(value) return value and string.sub(value, 1, 1) == 'D' end
local function hash(value) return string.sub(value, 2, 23) end
local function forget(field)
  if redis.call('ZREM', done, field) == 1 then
    redis.call('HINCRBY', entries, 'bytes', -redis.call('HSTRLEN', entries, field))
  end
  redis.call('ZREM', open, field)
  redis.call('HDEL', entries, field)
end
local function oldest(list) return redis.call('ZRANGE', list, 0, 0)[1] end
local function owned(field, node)
  local value = redis.call('HGET', entries, field)
  return value and not result(value) and string.sub(value, 24, 24 + #node) == node .. '|'
end
`;

const script = (body) => {
  const text = before + body;
  return { text, sha: createHash("sha1").update(text).digest("hex") };
};

/** base, ttl. Gives 1 where the base was higher before. */
export const join = script(`
local was, is = base(), tonumber(ARGV[1])
if was == is then return 0 end
for _, list in ipairs({done, open}) do
  for _, field in ipairs(redis.call('ZRANGE', list, 0, -1)) do
    if number(field) < is then forget(field) end
  end
end
redis.call('HSET', entries, 'base', ARGV[1])
expire(ARGV[2])
return is < was and 1 or 0
`);

/** seq, hash, node, lease, ttl, results. Gives the state, the field, and what belongs to it. */
export const begin = script(`
local field = ARGV[1]
if tonumber(field) < base() then return {'stale'} end
local value = redis.call('HGET', entries, field)
local differs = value and hash(value) ~= ARGV[2]
if differs then
  field = field .. '#' .. ARGV[2]
  value = redis.call('HGET', entries, field)
end
if result(value) then return {'done', field, string.sub(value, 24)} end
if value then
  local alive, deadline = string.match(value, '|([01])|(%d+)$')
  if tonumber(deadline) > now then return {'running', field, alive} end
end
redis.call('HSET', entries, field, 'P' .. ARGV[2] .. ARGV[3] .. '|0|' .. text(now + ARGV[4]))
redis.call('ZADD', open, text(score), field)
while redis.call('ZCARD', open) > tonumber(ARGV[6]) do forget(oldest(open)) end
expire(ARGV[5])
return {value and 'doubt' or 'new', field, differs and not value and '1' or '0'}
`);

/** node, lease, ttl, field… */
export const extend = script(`
for index = 4, #ARGV do
  local field = ARGV[index]
  if owned(field, ARGV[1]) then
    local value = redis.call('HGET', entries, field)
    redis.call('HSET', entries, field, 'P' .. hash(value) .. ARGV[1] .. '|1|' .. text(now + ARGV[2]))
    redis.call('ZADD', open, text(score), field)
  end
end
expire(ARGV[3])
return 0
`);

/** field, hash, result, ttl, results, bytes. Gives the result that was there before, if one was. */
export const finish = script(`
local field = ARGV[1]
if number(field) < base() then
  forget(field)
  return {}
end
local value = redis.call('HGET', entries, field)
if result(value) and hash(value) == ARGV[2] then return {string.sub(value, 24)} end
forget(field)
value = 'D' .. ARGV[2] .. ARGV[3]
redis.call('HSET', entries, field, value)
redis.call('ZADD', done, text(score), field)
local bytes = redis.call('HINCRBY', entries, 'bytes', #value)
for _, old in ipairs(redis.call('ZRANGEBYSCORE', done, '-inf', text(score - ARGV[4] * 1000))) do forget(old) end
while redis.call('ZCARD', done) > tonumber(ARGV[5]) do forget(oldest(done)) end
while tonumber(redis.call('HGET', entries, 'bytes')) > tonumber(ARGV[6]) and redis.call('ZCARD', done) > 1 do
  forget(oldest(done))
end
expire(ARGV[4])
return {}
`);

/** field, node */
export const undo = script(`
if owned(ARGV[1], ARGV[2]) then forget(ARGV[1]) end
return 0
`);
