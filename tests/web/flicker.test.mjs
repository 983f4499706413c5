// The page of flicker itself: recording this host live, and over a saved recording.
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { BUILD, drag, finish, launch, open, painted, Prompt, text, until } from './browser.mjs';

let browser;
before(async () => (browser = await launch()));
after(() => finish(browser));

const root = process.getuid() === 0;
const frames = (page) => page.$$eval('#chart g.frame', (list) => list.length);

async function view(prompt) {
  const mark = prompt.mark();
  prompt.say('view');
  return (await prompt.see(/http:\/\/127\.0\.0\.1:\d+\/#[0-9a-f]{32}/, mark))[0];
}

// What `status` says is selected, in seconds from the start.
async function selection(prompt) {
  const mark = prompt.mark();
  prompt.say('status');
  await prompt.see(/^page /m, mark);
  const found = prompt.output.slice(mark).match(/^selection +([\d.]+)-([\d.]+) s/m);
  return found ? found.slice(1).map(Number) : null;
}

test('a live recording: the map grows, a drag selects at the prompt, slice selects in the page', { skip: root ? false : 'recording needs root' }, async () => {
  const prompt = new Prompt(`${BUILD}/flicker`);
  prompt.say('record');
  const page = await open(browser, await view(prompt));
  const first = await until('the first cells', () => painted(page));
  await until('the map to grow', async () => (await painted(page)) > 2 * first);
  assert.match(await text(page, '#st-source'), /Hz/);
  assert.equal(await text(page, '#st-rec-name'), 'recording');

  const mark = prompt.mark();
  prompt.say('wait 7s; status'); // so that the newest columns, of a second each, hold something
  await prompt.see(/^page /m, mark);
  await drag(page, [0.9, 0.6], [0.93, 0.3]);
  const range = await until('a selection at the prompt', () => selection(prompt));
  assert.ok(range[1] > range[0]);
  await until('a flame graph', async () => (await frames(page)) > 3);
  assert.match(await text(page, '#cmd'), /^slice \d\d:\d\d:\d\d/);

  prompt.say('slice @-1s');
  await until('the prompt’s selection in the page', async () => (await text(page, '#r-sel')).endsWith('+ 1 s'));
  const [from] = await selection(prompt);
  assert.ok(from > range[0]);
  assert.deepEqual(page.wrong, []);
  assert.deepEqual(page.foreign, []);
  assert.equal(await prompt.quit(), 0);
  await until('the note', async () => (await text(page, '#note')).startsWith('Disconnected'));
});

test('a baseline colours the flame graph; callers, groups and what is gone are one press away', async () => {
  const prompt = new Prompt(`${BUILD}/flicker`, [new URL('../../shell/demo.fks', import.meta.url).pathname]);
  prompt.say('filter comm=demo');
  prompt.say('slice spike');
  const page = await open(browser, await view(prompt));
  const names = () => page.$$eval('#chart g.frame', (list) => list.map((frame) => frame.dataset.path.split('\n').pop()));
  const fills = () => page.$$eval('#chart g.frame rect', (list) => list.map((rect) => rect.getAttribute('fill')).join());
  await until('the stall', async () => (await names()).includes('rebuild_index'));
  const byKind = await fills();
  await drag(page, [0.3, 0.6], [0.42, 0.3], 'Control');
  await until('the difference', async () => (await text(page, '#kinds')).includes('less self') && (await fills()) !== byKind);
  assert.match(await text(page, '#cmd'), / vs=\d/);
  await until('a surely larger share', async () => (await page.$('#rows td.up')) !== null);

  await page.keyboard.press('i');
  await until('callers', async () => (await text(page, '#cmd')).endsWith('invert=on') && (await names())[1] !== 'demo');
  await page.keyboard.press('i');
  await page.selectOption('#group', 'module');
  await until('modules', async () => (await names()).includes('libc.so.6'));
  await page.selectOption('#group', 'function');
  await page.keyboard.press('Escape');
  await until('no baseline', async () => !(await text(page, '#cmd')).includes('vs='));

  // Nothing is gone: a sentence, not an empty graph.
  prompt.say('slice 0-1s');
  await until('the slice', async () => (await text(page, '#r-sel')).endsWith('+ 1 s'));
  await page.keyboard.press('b');
  await page.keyboard.press('e');
  await until('a sentence', async () => (await text(page, '#chart')).includes('nothing that is not done here'));
  assert.deepEqual(page.wrong, []);
  assert.equal(await prompt.quit(), 0);
});

// 10 s at 20 Hz: `old` calls two functions in the first half, `new` calls one in the second, `common` runs in both.
function twoVersions(folder) {
  const path = join(folder, 'versions.txt');
  const sample = (i) => {
    const [leaf, caller] = i % 2 ? ['common', 'main'] : i < 100 ? [i % 4 ? 'older' : 'oldest', 'old'] : ['newer', 'new'];
    const frames = [leaf, caller, ...(caller === 'main' ? [] : ['main'])];
    return `demo 7/7 [000] ${(100 + i / 20).toFixed(6)}: 1 cpu-clock: \n${frames.map((name) => `\t401000 ${name} (/demo)\n`).join('')}\n`;
  };
  writeFileSync(path, Array.from({ length: 200 }, (_, i) => sample(i)).join(''));
  return path;
}

test('two versions compared in the page: what is new is coloured, what is gone is drawn alone', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'flicker-versions-'));
  const prompt = new Prompt(`${BUILD}/flicker`, [twoVersions(folder)]);
  const page = await open(browser, await view(prompt));
  const drawn = () => page.$$eval('#chart g.frame', (list) => list.map((frame) =>
    ({ path: frame.dataset.path.split('\n').slice(1).join(';'), fill: frame.querySelector('rect').getAttribute('fill'),
       width: Number(frame.querySelector('rect').getAttribute('width')) })));
  const paths = async () => (await drawn()).map((frame) => frame.path).sort();
  const of = async (path) => (await drawn()).find((frame) => frame.path === path);
  prompt.say('slice 0-5s');
  await until('the first half', async () => (await paths()).includes('demo;main;old;older'));
  await page.keyboard.press('b');
  prompt.say('slice 5s-10s');
  await until('the second half', async () => (await paths()).includes('demo;main;new;newer') && !(await paths()).includes('demo;main;old;older'));
  await page.keyboard.press('d');
  await until('the difference', async () => (await text(page, '#kinds')).includes('less self'));
  const seen = await page.$eval('#kinds', (list) => list.scrollHeight <= list.clientHeight && list.scrollWidth <= list.clientWidth);
  assert.ok(seen, 'the legend of the difference is cut');
  await page.setViewportSize({ width: 1440, height: 900 });
  await until('one row', () => page.$eval('#kinds', (list) => list.offsetTop < document.getElementById('chart').offsetTop - 30));
  assert.ok(await page.$eval('#kinds', (list) => list.scrollHeight <= list.clientHeight && list.scrollWidth <= list.clientWidth), 'the legend is cut at 1440');
  await page.setViewportSize({ width: 1280, height: 800 });
  assert.equal(await text(page, '#st-source'), 'cpu-clock');
  const width = async (path) => (await of(path)).width;
  await until('halves', async () => Math.abs((await width('demo;main;new;newer')) / (await width('demo;main;common')) - 1) < 0.02);
  const [same, caller, newer] = (await Promise.all(['demo;main;common', 'demo;main;new', 'demo;main;new;newer'].map(of))).map((frame) => frame.fill);
  assert.equal(caller, same); // it has nothing of its own, as in the shell's pictures
  assert.notEqual(newer, same);
  await page.hover('#chart g.frame[data-path$="newer"]');
  await until('what it gained', async () => (await text(page, '#detail')).includes('+50.0 pp against the baseline, +50.0 pp of its own, new'));
  if (process.env.FLICKER_PICTURES) await page.screenshot({ path: `${process.env.FLICKER_PICTURES}/diff.png` });
  await page.keyboard.press('e');
  await until('what is gone', async () => (await paths()).includes('demo;main;old;oldest'));
  assert.ok(!(await paths()).some((path) => /common|new/.test(path)));
  assert.match(await text(page, '#cmd'), /elided=on/);
  await until('halves', async () => Math.abs((await width('demo;main;old;older')) / (await width('')) - 0.5) < 0.02);
  await page.hover('#chart g.frame[data-path$="oldest"]');
  await until('where it is', async () => (await text(page, '#detail')).endsWith('/demo, in the baseline alone, scaled'));
  if (process.env.FLICKER_PICTURES) await page.screenshot({ path: `${process.env.FLICKER_PICTURES}/gone.png` });
  assert.deepEqual(page.wrong, []);
  assert.equal(await prompt.quit(), 0);
  rmSync(folder, { recursive: true, force: true });
});

// The classes of the frames in the shell's own picture: "more5", "less2", "same".
async function svgSteps(prompt, file) {
  const drawn = () => existsSync(file) && readFileSync(file, 'utf8');
  prompt.say(`flame vs=rest > ${file}`);
  const svg = await until('the picture', () => drawn() && drawn().includes('</svg>') && drawn());
  const steps = new Map();
  for (const [, step, name] of svg.matchAll(/<g class="frame (more\d|less\d|same)"[^>]*><title>([^\n]*)\n/g)) {
    const list = steps.get(name) ?? [];
    steps.set(name, [...list, step].sort());
  }
  return steps;
}

test('page, SVG and terminal colour a difference alike: by what a frame gained of its own', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'flicker-alike-'));
  const prompt = new Prompt(`${BUILD}/flicker`, [new URL('../../shell/demo.fks', import.meta.url).pathname]);
  prompt.say('filter comm=demo');
  prompt.say('slice spike');
  const page = await open(browser, await view(prompt));
  const steps = await svgSteps(prompt, join(folder, 'demo.svg'));
  assert.ok(steps.get('rebuild_index').includes('more5'), [...steps].join('\n'));
  const fills = async () => new Map(await page.$$eval('#chart g.frame', (list) => list.map((frame) =>
    [frame.dataset.path.split('\n').pop(), frame.querySelector('rect').getAttribute('fill')])));
  await until('the stall', async () => (await fills()).has('rebuild_index'));
  await page.keyboard.press('d');
  await until('the difference', async () => (await text(page, '#kinds')).includes('less self'));
  const strength = (fill) => Math.round((Number(/ ([\d.]+)%/.exec(fill)?.[1] ?? 0) / 100) * 7);
  const sel = await page.evaluate(() => getComputedStyle(document.documentElement).getPropertyValue('--sel').trim());
  let compared = 0;
  for (const [name, fill] of await fills()) {
    const known = steps.get(name);
    if (!known || new Set(known).size > 1) continue; // of several paths: which of them is this?
    const step = strength(fill) ? `${fill.includes(sel) ? 'more' : 'less'}${strength(fill)}` : 'same';
    assert.equal(step, known[0], `${name}: ${fill}`);
    compared++;
  }
  assert.ok(compared >= 5, `${compared} frames compared`);
  assert.equal(await prompt.quit(), 0);
  rmSync(folder, { recursive: true, force: true });
});

// 20 s of spans: 50 a second of 40 to 80 us, and from 8 s to 11 s ten a second of 5 to 8 ms.
function spans(folder) {
  const path = join(folder, 'spans.trace.json');
  const span = (name, second, us) => ({ ph: 'X', pid: 7, tid: 7, name, ts: 1e6 + second * 1e6, dur: us });
  const quick = Array.from({ length: 1000 }, (_, i) => span('quick', i / 50, 40 + (i * 7) % 41));
  const slow = Array.from({ length: 30 }, (_, i) => span('slow', 8.01 + i / 10, 5000 + (i * 101) % 3001));
  writeFileSync(path, JSON.stringify([...quick, ...slow]));
  return path;
}

// What of the samples is selected, as `status` and `top` say it.
async function selected(prompt) {
  const mark = prompt.mark();
  prompt.say('slice');
  prompt.say('top 9');
  prompt.say('status');
  await prompt.see(/^page /m, mark);
  const output = prompt.output.slice(mark);
  return { filter: /; (value=\S+)/.exec(output)?.[1] ?? '', samples: Number(/^(\d+) samples?\b.* in /m.exec(output)?.[1]),
    slow: / slow\b/.test(output), quick: / quick\b/.test(output) };
}

test('rows that are values: a rectangle selects times and values, here and at the prompt', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'flicker-values-'));
  const prompt = new Prompt(`${BUILD}/flicker`, [spans(folder)]);
  const page = await open(browser, await view(prompt));
  const names = () => page.$$eval('#chart g.frame', (list) => list.map((frame) => frame.dataset.path.split('\n').pop()));
  await until('the stacks', async () => (await names()).includes('slow'));
  await page.keyboard.press('v');
  await until('values', async () => ((await page.getAttribute('#heat', 'aria-label')) ?? '').includes('by value'));
  assert.equal(await page.inputValue('#y'), 'value');
  assert.equal(await page.inputValue('#scale'), 'seen'); // of CPUs there is no share here
  await until('cells', async () => (await painted(page)) > 100);
  await page.keyboard.press(']');
  await until('why there are no spikes', async () => (await text(page, '#note')).includes('press v for rows of offsets'));
  await page.hover('#heat', { position: { x: 200, y: 51 } }); // the uppermost rows
  await until('a value under the pointer', async () => / ms – 10 ms$/.test(await text(page, '#g-kv dd')));
  if (process.env.FLICKER_PICTURES) await page.screenshot({ path: `${process.env.FLICKER_PICTURES}/value.png` });

  await drag(page, [0.1, 0.35], [0.9, 0.16]); // all times, the upper rows; from before the start
  await until('what is slow', async () => (await names()).includes('slow') && !(await names()).includes('quick'));
  await until('no note any more', () => page.isHidden('#note'));
  const range = await selection(prompt);
  assert.ok(range[0] === 0 && range[1] > 11, String(range));
  const here = await selected(prompt);
  assert.match(here.filter, /^value=[\d.]+(us|ms)\.\.$|^value=[\d.]+(us|ms)\.\.[\d.]+ms$/);
  assert.equal(here.samples, 30);
  assert.ok(here.slow && !here.quick);
  const command = await text(page, '#cmd');
  assert.match(command, /^slice \S+; filter value=\S+$/);
  assert.equal(command.split('filter ')[1], here.filter);
  assert.match(await text(page, '#r-sel'), /, (from )?[\d.]+ (µs|ms)/);
  await until('the rest of the map', async () => (await painted(page)) > 100); // what is not selected stays in sight
  if (process.env.FLICKER_PICTURES) await page.screenshot({ path: `${process.env.FLICKER_PICTURES}/value-selected.png` });

  // The command pasted into another session selects the same.
  const other = new Prompt(`${BUILD}/flicker`, [spans(folder)]);
  for (const part of command.split('; ')) other.say(part);
  await view(other);
  assert.deepEqual(await selected(other), here);
  assert.equal(await other.quit(), 0);

  // One gesture is one step back; a rectangle of two seconds holds what ends in them.
  prompt.say('undo');
  await until('nothing selected', async () => (await text(page, '#r-sel')) === 'all of the window');
  assert.equal((await selected(prompt)).filter, '');
  await drag(page, [0.15, 0.35], [0.25, 0.16]);
  await until('an early time', async () => (await selection(prompt))?.[1] < 8);
  assert.equal((await selected(prompt)).samples || 0, 0);
  await page.keyboard.press('Escape');
  await until('nothing selected', async () => (await text(page, '#r-sel')) === 'all of the window');

  prompt.say('filter value=..100us');
  await until('the values of the prompt', async () => (await text(page, '#r-sel')) === 'all of the window, up to 100 µs');
  await until('what is quick', async () => !(await names()).includes('slow'));
  prompt.say('filter none');

  // Search paints the same rows; back to offsets, the time stays selected.
  await page.fill('#q', 'slow');
  await until('a share', async () => /%$/.test(await text(page, '#q-out')));
  await page.fill('#q', '');
  await page.selectOption('#y', 'offset');
  await until('offsets', async () => !((await page.getAttribute('#heat', 'aria-label')) ?? '').includes('by value'));
  assert.deepEqual(page.wrong, []);
  assert.equal(await prompt.quit(), 0);
  rmSync(folder, { recursive: true, force: true });
});

test('samples that are only counted have no rows of values: a sentence says so', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'flicker-counted-'));
  const prompt = new Prompt(`${BUILD}/flicker`, [twoVersions(folder)]);
  const page = await open(browser, await view(prompt));
  await until('the samples', async () => (await frames(page)) > 3);
  await page.selectOption('#y', 'value');
  await until('a sentence', async () => (await text(page, '#note')).includes('nothing to see by value'));
  assert.deepEqual(page.wrong, []);
  assert.equal(await prompt.quit(), 0);
  rmSync(folder, { recursive: true, force: true });
});

test('quitting with pages open ends them, and flicker', async () => {
  const prompt = new Prompt(`${BUILD}/flicker`);
  const url = await view(prompt);
  const pages = [await open(browser, url), await open(browser, url)];
  for (const page of pages) await until('the stream', async () => (await text(page, '#note')).startsWith('No samples yet'));
  assert.equal(await prompt.quit(), 0);
  for (const page of pages) await until('the note', async () => (await text(page, '#note')).startsWith('Disconnected'));
});
