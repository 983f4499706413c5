// The page of flicker itself: recording this host live, and over a saved recording.
import assert from 'node:assert/strict';
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
  await until('the difference', async () => (await text(page, '#kinds')).includes('less here') && (await fills()) !== byKind);
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

test('quitting with pages open ends them, and flicker', async () => {
  const prompt = new Prompt(`${BUILD}/flicker`);
  const url = await view(prompt);
  const pages = [await open(browser, url), await open(browser, url)];
  for (const page of pages) await until('the stream', async () => (await text(page, '#note')).startsWith('No samples yet'));
  assert.equal(await prompt.quit(), 0);
  for (const page of pages) await until('the note', async () => (await text(page, '#note')).startsWith('Disconnected'));
});
