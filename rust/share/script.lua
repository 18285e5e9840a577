-- Everything that hosts ask of the counters that they share: a batch of operations, in one atomic step.
--
-- A counter of a window or a total, and one of parallel requests, is a hash with four fields for each host:
--   l:HOST  units that the host was granted, cumulative; what it spent is among them
--   s:HOST  of those, what it has spent, and  h:HOST  what its running requests hold, as it last said
--   g:HOST  the life of the host in which it wrote these fields first;
-- and `k` once nothing is missing in it that a ledger knows, and `u` until all hosts that live have spoken. Room for all is the amount less the sum of `l`.
-- A counter of a rate has `level`, units that are used up, and `at`, the microsecond for which that holds.
--
-- KEYS: hosts, wanted, the worker's last reply; then counters and marks, by index.
-- ARGV: host, life, sequence number, whether nothing is ever evicted, whether the ledger knows what other hosts spent;
-- then operations, each a letter and its words.
-- Numbers are doubles, exact to 2^53: amounts above that come with a grain, a power of two that all units of them are
-- multiples of. Numbers leave as text.

if redis.replicate_commands then redis.replicate_commands() end -- servers before 7 want to hear it before TIME

local HEARD_US = 10 * 1000000 -- a host that was silent for longer runs nothing
local YOUNG_US = 500000 -- of a store that is younger not all hosts may have heard
local DEAD_US = 60 * 1000000 -- and for longer than this it asks for nothing any more
local WANTED_MS = 1000
local FORGOTTEN_US = 7 * 86400 * 1000000
local PARTS = 16 -- a lease ahead of need is at most one part of so many of what is left, for each host
local EPSILON = 1e-6
local KIN_KEPT = 16384 -- as many runs as a host remembers
local KIN_TOLD = 1000

local host, life, sequence = ARGV[1], ARGV[2], ARGV[3]
local is_kept, knows_others = ARGV[4] == '1', ARGV[5] == '1'
local time = redis.call('TIME')
local now_us = time[1] * 1000000 + time[2]
local now_ms = math.floor(now_us / 1000)

-- A batch that was answered before is answered the same again.
local last = redis.call('GET', KEYS[3])
if last then
  last = cmsgpack.unpack(last)
  if last[1] == sequence then return last[2] end
end

local function text(number) return string.format('%.0f', number) end

-- Who lives, and what this store is called, stand under one key: who forgets one of them forgets all.
local generation, hosts, heard = nil, 0, {}
local flat = redis.call('HGETALL', KEYS[1])
for i = 1, #flat, 2 do
  local name, value = flat[i], flat[i + 1]
  if name == '' then
    generation = value
  else
    local at_us, its_life = string.match(value, '^(%d+):(.*)$')
    heard[name] = { at_us = tonumber(at_us), life = its_life }
    if now_us - heard[name].at_us > FORGOTTEN_US then
      redis.call('HDEL', KEYS[1], name)
      heard[name] = nil
    end
  end
end
if not generation then
  generation = text(now_us) .. ':' .. host .. ':' .. sequence
  redis.call('HSET', KEYS[1], '', generation)
end
local age_us = now_us - tonumber(string.match(generation, '^%d+'))
heard[host] = { at_us = now_us, life = life }
redis.call('HSET', KEYS[1], host, text(now_us) .. ':' .. life)

local function is_heard(name)
  return heard[name] ~= nil and now_us - heard[name].at_us <= HEARD_US
end

for name in pairs(heard) do
  if is_heard(name) then hosts = hosts + 1 end
end

local function is_stale(name, since_life)
  if is_heard(name) then return heard[name].life ~= since_life end
  return heard[name] == nil or now_us - heard[name].at_us > DEAD_US
end

-- Counters are read once and written once.
local counters = {}

local function counter(index)
  local key = KEYS[index]
  local it = counters[key]
  if it then return it end
  it = { key = key, l = {}, s = {}, h = {}, g = {}, changed = {}, free = 0 }
  local flat = redis.call('HGETALL', key)
  it.is_there = #flat > 0
  for i = 1, #flat, 2 do
    local field, value = flat[i], flat[i + 1]
    local kind = string.sub(field, 1, 2)
    if kind == 'g:' then
      it.g[string.sub(field, 3)] = value
    elseif kind == 'l:' or kind == 's:' or kind == 'h:' then
      it[string.sub(field, 1, 1)][string.sub(field, 3)] = tonumber(value)
    else
      it[field] = tonumber(value)
    end
  end
  counters[key] = it
  return it
end

local function put(it, kind, name, value)
  if it[kind][name] == value then return end
  it[kind][name] = value
  it.changed[kind .. ':' .. name] = kind == 'g' and value or text(value)
end

-- What the host says of itself holds from its life's first word on.
local function hear(it, allowance, spent, held, grain)
  if it.g[host] ~= life then
    put(it, 'l', host, math.ceil(allowance / grain) * grain)
    put(it, 'g', host, life)
  end
  put(it, 's', host, spent)
  put(it, 'h', host, held)
end

-- Whether all that was spent of it is in it: nil, or what is missing.
--
-- A ledger was asked for what was spent of the limit before this store heard of it; from then on all of it is here,
-- unless counters may be evicted. Then it must have been asked for this very one. What hosts were granted and have not
-- spent no ledger knows: they must say so before more is granted.
local function missing(it, charge)
  if not it.k then
    local since_us = is_kept and redis.call('GET', KEYS[charge.mark])
    if not since_us then return '?' end
    it.k, it.changed.k = 1, '1'
    if not knows_others and charge.begin_us < tonumber(since_us) then it.u, it.changed.u = 1, '1' end
  end
  if not it.u then return nil end
  local all = age_us >= YOUNG_US
  for name in pairs(heard) do
    if is_heard(name) and it.g[name] ~= heard[name].life then all = false end
  end
  if not all then
    redis.call('ZADD', KEYS[2], now_ms, it.key)
    return '!'
  end
  it.u = nil
  it.changed.u = nil
  redis.call('HDEL', it.key, 'u')
  redis.call('ZREM', KEYS[2], it.key) -- they said what they have: nobody lacks any of it
  return nil
end

local function granted(it, charge)
  local sum = 0
  for name, units in pairs(it.l) do
    if charge.kind ~= 'p' or is_heard(name) or name == host then
      sum = sum + math.ceil(units / charge.grain) * charge.grain
    end
  end
  return sum
end

-- Why there is no room: what is left, whether it is spent for good, and whose words nobody will keep.
local function no_room(it, charge, left)
  local spent, stale = 0, {}
  for name, units in pairs(it.l) do
    spent = spent + math.min(units, it.s[name] or units)
    if charge.kind == 'w' and name ~= host and units > (it.s[name] or 0) and #stale < 8 and is_stale(name, it.g[name]) then
      stale[#stale + 1] = name
    end
  end
  local is_gone = charge.kind == 'w' and charge.amount - spent < charge.need
  if not is_gone then redis.call('ZADD', KEYS[2], now_ms, it.key) end
  return { '0', text(left + it.free), '0', is_gone and '1' or '0', stale }
end

-- Units to grant, or nil and why not.
local function lease(it, charge)
  local grain = charge.grain
  local short = math.ceil(math.max(0, charge.need - it.free) / grain) * grain
  local left = math.floor(math.max(0, charge.amount - granted(it, charge)) / grain) * grain
  if short > left then return nil, no_room(it, charge, left) end
  local wanted = math.ceil(math.max(0, charge.want - it.free) / grain) * grain
  local grant = math.min(math.max(short, wanted), left)
  if left >= PARTS * grant and charge.kind == 'w' then
    grant = grant + math.floor((left - grant) / (PARTS * hosts) / grain) * grain
  end
  return grant
end

local function level(it, charge)
  return math.max(0, (it.level or 0) - math.max(0, now_us - (it.at or now_us)) * charge.units / charge.period_us)
end

local function fill(it, charge, units)
  it.level, it.at = math.max(0, units), now_us
  it.changed.level, it.changed.at = string.format('%.17g', it.level), text(now_us)
  it.until_ms = now_ms + math.ceil(it.level / charge.units * charge.period_us / 1000) + 10000
end

local function prepay(it, charge)
  local used = level(it, charge)
  local short = math.max(0, charge.need - it.free)
  local over = used + short - charge.burst
  if over > EPSILON then
    local wait_us = charge.need > charge.burst and -1 or math.ceil(over * charge.period_us / charge.units)
    return nil, { '0', text(math.floor(math.max(0, charge.burst - used)) + it.free), text(wait_us), '0', {} }
  end
  local ahead = math.min(charge.want - charge.need, math.floor((charge.burst - used - short) / (2 * hosts)))
  return short + math.max(0, ahead)
end

local at = 6
local function word()
  at = at + 1
  return ARGV[at - 1]
end
local function number() return tonumber(word()) end

local function read_charge()
  local charge = { kind = word(), index = number() }
  if charge.kind == 'r' then
    charge.units, charge.period_us, charge.burst = number(), number(), number()
  else
    charge.mark, charge.amount, charge.grain = number(), number(), number()
    charge.begin_us, charge.until_ms = number(), number()
  end
  return charge
end

local function read_state(charge)
  local it = counter(charge.index)
  local allowance, spent, held = number(), number(), number()
  hear(it, allowance, spent, held, charge.grain)
  it.until_ms = charge.until_ms
  return it
end

local operations = {}

-- One decision: all of its charges are granted, or none is.
function operations.D()
  local charges = {}
  for i = 1, number() do
    local charge = read_charge()
    local it = charge.kind == 'r' and counter(charge.index) or read_state(charge)
    charge.need, charge.want = number(), number()
    local free = number()
    if not it.is_free_known then it.free, it.is_free_known = free, true end
    charges[i] = charge
  end
  local reply = { '1' }
  for i, charge in ipairs(charges) do
    local it = counter(charge.index)
    local why
    local lacks = charge.kind == 'w' and missing(it, charge)
    if lacks then return { lacks, text(i) } end
    if charge.kind == 'r' then charge.grant, why = prepay(it, charge) else charge.grant, why = lease(it, charge) end
    if why then
      why[#why + 1] = text(i)
      return why
    end
  end
  for _, charge in ipairs(charges) do
    local it = counter(charge.index)
    it.free = it.free + charge.grant - charge.need
    if charge.kind == 'r' then
      fill(it, charge, level(it, charge) + charge.grant)
      reply[#reply + 1] = text(charge.grant)
      reply[#reply + 1] = text(math.ceil(it.level * charge.period_us / charge.units))
    else
      put(it, 'l', host, it.l[host] + charge.grant)
      reply[#reply + 1] = text(charge.grant)
      reply[#reply + 1] = text(math.max(0, charge.amount - granted(it, charge)))
    end
  end
  return reply
end

-- What became of leases: how much comes back, and how much more was used than granted.
function operations.T()
  local charge = read_charge()
  if charge.kind == 'r' then
    local it = counter(charge.index)
    fill(it, charge, level(it, charge) + number())
    return { '1' }
  end
  -- Who was asked, and does not know the counter, cannot make it.
  if charge.until_ms < 0 and not counter(charge.index).is_there then
    at = at + 5
    return { '1' }
  end
  local it = read_state(charge)
  local back, over = number(), number()
  put(it, 'l', host, math.max(0, it.l[host] - math.floor(back / charge.grain) * charge.grain + math.ceil(over / charge.grain) * charge.grain))
  return { '1' }
end

-- What a ledger says of a limit that this store knows nothing of: hosts that spoke themselves know better.
function operations.S()
  local mark, until_ms, count = number(), number(), number()
  for _ = 1, count do
    local it, name, units = counter(number()), word(), number()
    it.k, it.changed.k, it.until_ms = 1, '1', until_ms
    it.u, it.changed.u = 1, '1'
    if name ~= host and it.l[name] == nil and units > 0 then
      put(it, 'l', name, units)
      put(it, 's', name, units)
    end
  end
  if mark > 0 then redis.call('SET', KEYS[mark], text(now_us)) end
  return { '1' }
end

-- Whether a ledger was asked for a limit.
function operations.K() return { text(redis.call('EXISTS', KEYS[number()])) } end

-- What a ledger says of a host that keeps its word no more: the rest of its lease is free.
function operations.F()
  local it, name, units = counter(number()), word(), number()
  if it.l[name] ~= nil and is_stale(name, it.g[name]) then
    put(it, 'l', name, units)
    put(it, 's', name, units)
    put(it, 'h', name, 0)
  end
  return { '1' }
end

-- What all other hosts spent and hold.
function operations.Q()
  local it = counter(number())
  local spent, held = 0, 0
  for name, units in pairs(it.l) do
    if name ~= host then
      spent, held = spent + (it.s[name] or units), held + (it.h[name] or 0)
    end
  end
  return { '1', text(spent), text(held) }
end

-- Runs with their parents: what this host tells is added behind what all have told; what came after a moment is answered.
function operations.N()
  local key, since, count = KEYS[number()], number(), number()
  local last = tonumber(redis.call('ZRANGE', key, -1, -1, 'WITHSCORES')[2] or 0)
  for _ = 1, count do
    if redis.call('ZADD', key, 'NX', text(last + 1), word()) == 1 then last = last + 1 end
  end
  if count > 0 then
    redis.call('ZREMRANGEBYRANK', key, 0, -KIN_KEPT - 1)
    redis.call('PEXPIRE', key, FORGOTTEN_US / 1000)
  end
  if since > last then since = 0 end -- it was forgotten, and begun anew
  local news = redis.call('ZRANGEBYSCORE', key, '(' .. text(since), '+inf', 'WITHSCORES', 'LIMIT', 0, KIN_TOLD)
  local reply = { text(since) }
  for i = 1, #news, 2 do
    reply[#reply + 1] = news[i]
    reply[1] = text(tonumber(news[i + 1]))
  end
  return reply
end

local replies = {}
while at <= #ARGV do replies[#replies + 1] = operations[word()]() end

for key, it in pairs(counters) do
  local fields = {}
  for field, value in pairs(it.changed) do
    fields[#fields + 1] = field
    fields[#fields + 1] = value
  end
  if #fields > 0 then
    redis.call('HSET', key, unpack(fields))
    if it.until_ms and it.until_ms > 0 then redis.call('PEXPIREAT', key, text(it.until_ms)) end
  end
end

redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now_ms - WANTED_MS)
local wanted = redis.call('ZRANGE', KEYS[2], 0, 63)
local reply = { generation, text(hosts), wanted, replies }
redis.call('SET', KEYS[3], cmsgpack.pack({ sequence, reply }), 'PX', 3600000)
return reply
