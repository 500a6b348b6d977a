/** Lua that both ways of lifting a hold share: `readHold` gives false for a key that holds no hold. */
export const liftFunctions = `
local function readHold(key)
  local read, hold = pcall(cjson.decode, redis.call('GET', key) or '')
  return read and type(hold) == 'table' and hold
end
local function lift(key, hold, channel, name)
  local left = redis.call('PTTL', key)
  redis.call('SET', key, cjson.encode({ lifted = hold.id }), 'PX', left > 0 and left or 1)
  redis.pcall('PUBLISH', channel, name)
end
`;
