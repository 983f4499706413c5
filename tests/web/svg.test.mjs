// The SVG flame graph in Chromium: what it shows, zoom, search, and that nothing is loaded.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { BUILD, launch } from './browser.mjs';

let browser, folder;

before(async () => {
  browser = await launch();
  folder = mkdtempSync(join(tmpdir(), 'flicker-svg-'));
});

after(async () => {
  await browser?.close();
  rmSync(folder, { recursive: true, force: true });
});

// Draws folded stacks and opens the picture. Errors of the page and requests that leave are kept.
async function picture(stacks, options = {}) {
  const folded = join(folder, 'stacks.folded'), svg = join(folder, 'flame.svg');
  writeFileSync(folded, stacks.map(([stack, count]) => `${stack} ${count}\n`).join(''));
  execFileSync(`${BUILD}/flicker`, [folded, '-c', `flame > ${svg}`], { stdio: ['ignore', 'ignore', 'ignore'] });
  const page = await browser.newPage({ viewport: { width: 1200, height: 500 }, ...options });
  page.errors = [];
  page.requests = [];
  page.on('pageerror', (error) => page.errors.push(error.message));
  page.on('request', (request) => page.requests.push(request.url()));
  await page.goto(pathToFileURL(svg).href);
  return page;
}

const frame = (page, name) =>
  page.locator('g.frame').filter({ has: page.locator('title', { hasText: new RegExp(`^${name}\n`) }) }).locator('rect');
const width = async (page, name) => Number(await frame(page, name).first().getAttribute('width'));
const details = (page) => page.locator('.details').textContent();

const stacks = [['demo;main;handle;parse', 25], ['demo;main;handle;render', 50], ['demo;main;rebuild', 25]];

test('widths are shares, tooltips say how much', async () => {
  const page = await picture(stacks);
  const all = await width(page, 'all');
  for (const [name, share] of [['main', 1], ['handle', 0.75], ['render', 0.5], ['rebuild', 0.25]])
    assert.ok(Math.abs((await width(page, name)) / all - share) < 0.01, name);
  await frame(page, 'render').hover();
  assert.match(await details(page), /^render · user · 50, 50 %, self 50 %$/);
  assert.deepEqual(page.errors, []);
  assert.equal(page.requests.length, 1); // the file itself
  await page.close();
});

test('a click zooms, reset and Escape take it back', async () => {
  const page = await picture(stacks);
  const all = await width(page, 'all');
  await frame(page, 'handle').click();
  assert.equal(await width(page, 'handle'), all);
  assert.ok(Math.abs((await width(page, 'render')) / all - 2 / 3) < 0.01);
  assert.equal(await frame(page, 'rebuild').isVisible(), false);
  await page.locator('.reset').click();
  assert.equal(await frame(page, 'rebuild').isVisible(), true);
  await frame(page, 'parse').click();
  await page.keyboard.press('Escape');
  assert.ok(Math.abs((await width(page, 'parse')) / all - 0.25) < 0.01);
  await page.close();
});

test('search marks what matches and says its share, once for nested matches', async () => {
  const page = await picture(stacks);
  await page.keyboard.press('/');
  await page.keyboard.type('handle|render');
  assert.equal(await page.locator('g.frame.match').count(), 2);
  assert.equal(await details(page), '2 frames match, 75.0 % of all');
  await page.locator('input').fill('('); // not a pattern: taken as it stands
  assert.equal(await details(page), '0 frames match, 0.0 % of all');
  await page.keyboard.press('Escape');
  assert.equal(await details(page), '100');
  assert.deepEqual(page.errors, []);
  await page.close();
});

test('names of strangers stay names', async () => {
  const hostile = '</title><script>document.documentElement.id="owned"</script>';
  const page = await picture([[`demo;${hostile};a<b>&&"c"]]>`, 1]]);
  assert.equal(await page.locator('#owned').count(), 0);
  assert.equal(await page.locator('script').count(), 1);
  assert.ok((await page.locator('g.frame title').allTextContents()).some((title) => title.startsWith('a<b>&&"c"]]>\n')));
  await page.close();
});

test('it is dark where the reader is', async () => {
  const fill = (page) => page.locator('.ground').evaluate((ground) => getComputedStyle(ground).fill);
  const dark = await picture(stacks, { colorScheme: 'dark' });
  assert.equal(await fill(dark), 'rgb(16, 18, 21)');
  await dark.close();
  const light = await picture(stacks, { colorScheme: 'light' });
  assert.equal(await fill(light), 'rgb(251, 251, 249)');
  await light.close();
});
