// A cube for tests of versions and rollbacks: it registers, answers and misbehaves as FAKE_CUBE tells it.
import { createHmac } from 'node:crypto';
import { existsSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { Redis } from 'ioredis';

const {
  CUBE_PORT,
  CUBE_VERSION,
  INSTANCE_ID,
  REDIS_URL,
  CUBE_JWT_SECRET = '',
  FAKE_CUBE = 'good',
  FAKE_CUBE_FILE = '',
} = process.env;
const startedAt = Date.now();
const registry = 'cubeshift:instances:saju-cube';
const ready = () => FAKE_CUBE !== 'never_ready' && !(FAKE_CUBE === 'ready_once_told' && !existsSync(FAKE_CUBE_FILE));
const well = {
  year_pillar: '기사',
  month_pillar: '정축',
  day_pillar: '신묘',
  hour_pillar: '을미',
};

if (FAKE_CUBE === 'does_not_start') {
  process.stderr.write('this version does not start\n');
  process.exit(7);
}
if (FAKE_CUBE_FILE !== '' && FAKE_CUBE === 'notes_environment')
  writeFileSync(FAKE_CUBE_FILE, JSON.stringify(process.env));

const records = new Map(Object.entries(JSON.parse(process.env.FAKE_CUBE_RECORDS ?? '{}')));
const server = createServer((request, response) => {
  const answer = (status, body) => {
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(JSON.stringify(body));
  };
  request.resume();
  if (request.url === '/ready') return answer(ready() ? 200 : 503, {});
  if (request.url === '/health') return answer(200, { status: 'ok', version: CUBE_VERSION });
  if (request.url === '/_cube/write-check') return answer(200, { writable: true, sentence: null });
  if (FAKE_CUBE === 'sick') return answer(500, {});
  if (FAKE_CUBE === 'sick_when_told' && existsSync(FAKE_CUBE_FILE)) return answer(500, {});
  if (request.url === '/calculate') return answer(200, FAKE_CUBE === 'wrong' ? { ...well, day_pillar: '정묘' } : well);
  const record = records.get(String(request.url).split('/').at(-1));
  return record === undefined ? answer(404, {}) : answer(200, record);
});
server.listen(Number(CUBE_PORT), '127.0.0.1', () => {
  if (FAKE_CUBE === 'starts_and_dies') setTimeout(() => process.exit(9), 50);
});

const redis = REDIS_URL ? new Redis(REDIS_URL, { maxRetriesPerRequest: 0 }) : undefined;
redis?.on('error', () => undefined);
const entry = (state) => {
  const fields = {
    cube_id: 'saju-cube',
    instance_id: INSTANCE_ID,
    url: `http://127.0.0.1:${CUBE_PORT}`,
    version: CUBE_VERSION,
    state,
    started_at: startedAt,
    heartbeat_at: Date.now(),
  };
  const text = Object.entries(fields).sort().flat().map(String);
  const framed = text.map((part) => `${Buffer.byteLength(part)}:${part},`).join('');
  const key = createHmac('sha256', CUBE_JWT_SECRET).update('cubeshift registry of instances').digest();
  return JSON.stringify({ ...fields, signature: createHmac('sha256', key).update(framed).digest('hex') });
};
const beat = () => redis?.hset(registry, INSTANCE_ID, entry(ready() ? 'ready' : 'starting')).catch(() => undefined);
beat();
const beating = setInterval(beat, 200);

process.once('SIGTERM', async () => {
  clearInterval(beating);
  await redis?.hdel(registry, INSTANCE_ID).catch(() => undefined);
  server.close();
  server.closeAllConnections();
  redis?.disconnect();
});
