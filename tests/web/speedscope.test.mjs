// speedscope itself opens what `export` writes for it, and shows the numbers that flicker shows.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { BUILD, launch, PATIENCE_MS } from './browser.mjs';

const RELEASE = new URL('node_modules/speedscope/dist/release/', import.meta.url).pathname;
const PERF = new URL('../fixtures/perf-collector.txt', import.meta.url).pathname;
const PERIOD_MS = 6.711409; // of every sample in it
const TYPES = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.json': 'application/json' };

let browser, folder, server;

before(async () => {
  browser = await launch();
  folder = mkdtempSync(join(tmpdir(), 'flicker-speedscope-'));
  server = createServer((request, response) => {
    const path = new URL(request.url, 'http://x').pathname.slice(1) || 'index.html';
    try {
      const body = readFileSync(join(path.startsWith('profile.') ? folder : RELEASE, path));
      response.writeHead(200, { 'content-type': TYPES[extname(path)] ?? 'application/octet-stream' });
      response.end(body);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
});

after(async () => {
  await browser?.close();
  server?.close();
  rmSync(folder, { recursive: true, force: true });
});

const flicker = (...args) =>
  execFileSync(`${BUILD}/flicker`, ['-q', ...args], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });

// {function: [total, self]} in samples, as flicker has it, without names that formats write differently.
function top(filter = '') {
  const { rows: all } = JSON.parse(flicker(PERF, '-c', `top 1000 --json transform=none ${filter}`));
  return Object.fromEntries(all.filter(({ frame }) => !frame.startsWith('[')).map(({ frame, self, total }) => [frame, [total, self]]));
}

// The table of the sandwich view: [total, self, name] of every row that is drawn.
async function rows(name) {
  flicker('-c', `convert ${PERF} ${join(folder, name)}`);
  const page = await browser.newPage({ viewport: { width: 1400, height: 900 } });
  page.setDefaultTimeout(PATIENCE_MS);
  const wrong = [];
  page.on('pageerror', (error) => wrong.push(error.message));
  const origin = `http://127.0.0.1:${server.address().port}`;
  await page.goto(`${origin}/#profileURL=${encodeURIComponent(`${origin}/${name}`)}&view=sandwich`);
  const table = page.locator('tr:visible').filter({ hasText: '%' }); // not the list of threads
  await table.first().waitFor();
  const found = await table.evaluateAll((all) => all.map((row) => [...row.querySelectorAll('td')].map((cell) => cell.textContent.trim())));
  await page.close();
  assert.deepEqual(wrong, []);
  return found.filter((row) => row.length >= 3);
}


// Folded stacks begin with the thread's name, which is no function to flicker.
const threads = () => new Set(JSON.parse(flicker(PERF, '-c', 'threads --json')).rows.map(({ comm }) => comm));

// speedscope shows what fits on its screen; that much is compared.
function same(shown, expected, format) {
  const comms = threads();
  const named = shown.filter(([, , name]) => !name.startsWith('[') && !comms.has(name));
  assert.ok(named.length > 5, JSON.stringify(shown));
  for (const [total, self, name] of named) {
    const values = [total, self].map((text) => text.replace(/ \(.*/, ''));
    assert.deepEqual(values, (expected[name] ?? assert.fail(name)).map(format), name);
  }
}

const ms = (samples) => (samples ? `${(samples * PERIOD_MS).toFixed(2)}ms` : '0.00ns');

test('folded stacks: all samples', async () => same(await rows('profile.folded'), top(), String));

test('pprof: the time of all samples', async () => same(await rows('profile.pb.gz'), top(), ms));

// Its threads are profiles of their own; the first is shown.
test('speedscope: the time of one thread', async () => same(await rows('profile.speedscope.json'), top('tid=6122'), ms));

test('a trace: the time of one thread', async () => same(await rows('profile.trace.json'), top('tid=0'), ms));

test('a .cpuprofile: all functions, each for the time until the next sample', async () => {
  const found = new Map((await rows('profile.cpuprofile')).map(([total, self, name]) => [name, [total, self]]));
  assert.match(found.get('work')[0], /^140\.87ms/);
  assert.match(found.get('touch_pages')[1], /^53\.86ms/);
});
