// Tabs that come, hide and go; what the page says then; every width; baselines.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { drag, finish, host, launch, open, painted, text, until } from './browser.mjs';

let browser;
before(async () => (browser = await launch()));
after(() => finish(browser));

const frames = (page) => page.$$eval('#chart g.frame title', (list) => list.length);
const selections = (prompt) => [...prompt.output.matchAll(/^selection (\d+)(.*)$/gm)].map((m) => m[2].trim());
const ready = (page) => until('a flame graph', async () => (await frames(page)) > 3);

test('eight tabs of one browser all stay up to date', async () => {
  const prompt = await host('--past', '30');
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
  const pages = [];
  for (let i = 0; i < 8; i++) pages.push(await open(browser, prompt.url, { context }));
  for (const page of pages) await until('cells', async () => (await painted(page)) > 1000);
  prompt.say('slice 3-4');
  for (const page of pages) await until('the range', async () => (await text(page, '#r-sel')).endsWith('+ 1 s'));
  const before = await Promise.all(pages.map((page) => text(page, '#st-rec')));
  for (const [i, page] of pages.entries()) await until('time goes on', async () => (await text(page, '#st-rec')) !== before[i]);
  for (const page of pages) assert.deepEqual(page.wrong, []);
  assert.equal(await prompt.quit(), 0);
});

test('a hidden tab closes its stream and opens it when it is seen again', async () => {
  const prompt = await host('--past', '30');
  const page = await open(browser, prompt.url);
  await until('cells', async () => (await painted(page)) > 1000);
  const show = (hidden) => page.evaluate((value) => {
    Object.defineProperty(document, 'hidden', { value, configurable: true });
    document.dispatchEvent(new Event('visibilitychange'));
  }, hidden);
  let streams = 0;
  page.on('request', (request) => (streams += request.url().includes('/api/stream') ? 1 : 0));
  const closed = page.waitForEvent('requestfailed', (request) => request.url().includes('/api/stream'));
  await show(true);
  await closed;
  assert.equal(streams, 0);
  await show(false);
  await until('a new stream', () => streams === 1);
  const before = await text(page, '#st-rec');
  await until('time goes on', async () => (await text(page, '#st-rec')) !== before);
  assert.equal(await prompt.quit(), 0);
});

test('a slow or broken way to sign in is waited for, and nothing is asked before', async () => {
  const prompt = await host('--past', '30');
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
  let tries = 0;
  await context.route('**/api/login', async (route) => {
    if (tries++ === 0) return route.abort();
    await new Promise((resolve) => setTimeout(resolve, 800)); // the page has looked at its size by then
    return route.continue();
  });
  const asked = [];
  context.on('request', (request) => asked.push(new URL(request.url()).pathname));
  const page = await open(browser, prompt.url, { context });
  await until('cells', async () => (await painted(page)) > 1000);
  assert.equal(tries, 2);
  const first = asked.findIndex((path) => path.startsWith('/api/') && path !== '/api/login');
  assert.ok(asked.lastIndexOf('/api/login') < first, asked.join(' '));
  assert.equal(await prompt.quit(), 0);
});

test('when flicker has gone the page says so and keeps what it has', async () => {
  const prompt = await host('--past', '30');
  const page = await open(browser, prompt.url);
  await until('cells', async () => (await painted(page)) > 1000);
  assert.equal(await prompt.quit(), 0);
  await until('the note', async () => (await text(page, '#note')).startsWith('Disconnected'));
  assert.ok((await painted(page)) > 1000);
  assert.equal(await page.$eval('body', (body) => body.classList.contains('stale')), true);
});

test('no samples yet: axes and one sentence', async () => {
  const prompt = await host('--past', '-1', '--still');
  const page = await open(browser, prompt.url);
  await until('the note', async () => (await text(page, '#note')).startsWith('No samples yet.'));
  assert.deepEqual(page.wrong, []);
  assert.equal(await prompt.quit(), 0);
});

test('it fits every width, in light and dark', async () => {
  const prompt = await host('--past', '60');
  for (const [width, height, colorScheme] of [[1920, 1080, 'light'], [1440, 900, 'dark'], [1280, 800, 'light'], [1040, 700, 'dark'], [768, 1024, 'light'], [390, 844, 'dark'], [320, 568, 'light']]) {
    const page = await open(browser, prompt.url, { viewport: { width, height }, colorScheme });
    await ready(page);
    assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), colorScheme);
    const wide = await page.evaluate(() => document.documentElement.scrollWidth);
    assert.ok(wide <= width, `${wide} px of content in ${width}`);
    assert.deepEqual(page.wrong, []);
    await page.context().close();
  }
  assert.equal(await prompt.quit(), 0);
});

test('ctrl chooses a baseline, shift adds a range, Esc goes back step by step', async () => {
  const prompt = await host('--past', '90');
  const page = await open(browser, prompt.url);
  await until('cells', async () => (await painted(page)) > 1000);
  await drag(page, [0.3, 0.6], [0.35, 0.5]);
  await until('a range', () => selections(prompt).length === 1);
  await drag(page, [0.5, 0.6], [0.55, 0.5], 'Shift');
  await until('two ranges', () => selections(prompt).at(-1).split(' ').length === 4);
  await drag(page, [0.7, 0.6], [0.8, 0.5], 'Control');
  await until('the baseline', async () => (await text(page, '#cmd')).includes('vs='));
  await until('the comparison', async () => (await text(page, '#t-base')) === 'vs base, pp');
  await page.keyboard.press('Escape');
  await until('no baseline', async () => (await text(page, '#r-base')) === 'rest of the window');
  await page.keyboard.press('Escape');
  await until('nothing selected', () => selections(prompt).at(-1) === '');
  await page.keyboard.press('Escape');
  await until('following', async () => (await text(page, '#follow-state')) === 'following');
  assert.equal(await prompt.quit(), 0);
});
