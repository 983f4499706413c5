// The page in real Chromium, over a session whose workload is known exactly (host.c).
import assert from 'node:assert/strict';
import http from 'node:http';
import { after, before, test } from 'node:test';
import { drag, finish, host, launch, open, painted, text, until } from './browser.mjs';

let browser;
before(async () => (browser = await launch()));
after(() => finish(browser));

const frames = (page) => page.$$eval('#chart g.frame title', (list) => list.map((title) => title.textContent));
const ready = (page) => until('a flame graph', async () => (await frames(page)).length > 3);
const selections = (prompt) => [...prompt.output.matchAll(/^selection (\d+)(.*)$/gm)].map((m) => m[2].trim());

test('the live map grows while samples come in', async () => {
  const prompt = await host('--past', '2');
  const page = await open(browser, prompt.url);
  await until('cells', async () => (await painted(page)) > 100);
  assert.equal(await text(page, '#follow-state'), 'following');
  assert.equal(await text(page, '#st-title'), 'demo-1');
  const before = await painted(page);
  await until('more cells', async () => (await painted(page)) > before + 200);
  assert.deepEqual(page.wrong, []);
  assert.deepEqual(page.foreign, []);
  assert.equal(await prompt.quit(), 0);
});

test('the token leaves the address, and a reload needs it no more', async () => {
  const prompt = await host('--past', '5');
  const page = await open(browser, prompt.url);
  await until('data', async () => (await text(page, '#st-title')) === 'demo-1');
  assert.equal(new URL(page.url()).hash, '');
  await page.reload();
  await until('data again', async () => (await text(page, '#st-title')) === 'demo-1');
  assert.equal(await prompt.quit(), 0);
});

test('a wrong token is refused, in words', async () => {
  const prompt = await host('--past', '5');
  const page = await open(browser, prompt.url.replace(/#.*/, `#${'0'.repeat(32)}`));
  await until('the refusal', async () => (await text(page, '#note')).includes('Not signed in'));
  assert.equal(await text(page, '#st-title'), '');
  assert.equal(await prompt.quit(), 0);
});

test('a foreign Host, Origin or nobody in particular is refused', async () => {
  const prompt = await host('--past', '5');
  const { port } = new URL(prompt.url);
  const ask = (path, headers) => new Promise((resolve, reject) => {
    http.get({ host: '127.0.0.1', port, path, headers }, (answer) => {
      answer.resume();
      resolve(answer.statusCode);
    }).on('error', reject);
  });
  assert.equal(await ask('/', {}), 200);
  assert.equal(await ask('/', { Host: `evil.example:${port}` }), 403);
  assert.equal(await ask('/', { Host: '127.0.0.1' }), 403);
  assert.equal(await ask('/', { Origin: 'http://evil.example' }), 403);
  assert.equal(await ask('/api/flame', {}), 401);
  // Another site in the same browser, where a session is signed in, cannot ask either.
  const page = await open(browser, prompt.url);
  await until('data', async () => (await text(page, '#st-title')) === 'demo-1');
  const other = await page.context().newPage();
  await other.route('http://evil.example/', (route) => route.fulfill({ body: 'evil', contentType: 'text/html' }));
  await other.goto('http://evil.example/');
  const got = await other.evaluate(async (url) => {
    const outcomes = [];
    for (const path of ['/api/top', '/api/slice']) {
      const options = path === '/api/slice' ? { method: 'POST', body: '1-2', mode: 'no-cors', credentials: 'include' } : { credentials: 'include' };
      outcomes.push(await fetch(new URL(path, url), options).then((r) => `${r.type} ${r.status}`, () => 'failed'));
    }
    return outcomes;
  }, prompt.url);
  assert.ok(got.every((outcome) => outcome === 'failed' || outcome === 'opaque 0'), String(got));
  assert.deepEqual(selections(prompt), []); // nothing was selected
  assert.equal(await prompt.quit(), 0);
});

test('a drag draws the flame graph, and the prompt follows', async () => {
  const prompt = await host('--past', '90');
  const page = await open(browser, prompt.url);
  await until('cells', async () => (await painted(page)) > 1000);
  const mark = prompt.mark();
  await drag(page, [0.5, 0.6], [0.52, 0.3]);
  const seen = (await prompt.see(/^selection \d+ (\S+) (\S+)$/m, mark)).slice(1).map(Number);
  assert.ok(seen[1] > seen[0]);
  await ready(page);
  assert.ok((await frames(page)).some((name) => name.startsWith('server::Loop::run()')));
  assert.match(await text(page, '#r-sel-q'), /\d+ samples/);
  assert.equal(await text(page, '#follow-state'), 'held');
  // The command line says the same: pasted into the shell, it selects the same range.
  const command = await text(page, '#cmd');
  const before = prompt.mark();
  prompt.say('slice 0-1');
  await prompt.see(/^selection \d+ 0.000 1.000$/m, before);
  const again = prompt.mark();
  prompt.say(command);
  const pasted = (await prompt.see(/^selection \d+ (\S+) (\S+)$/m, again)).slice(1).map(Number);
  assert.ok(Math.abs(pasted[0] - seen[0]) < 0.0015 && Math.abs(pasted[1] - seen[1]) < 0.0015, `${pasted} for ${seen}`);
  assert.equal(await prompt.quit(), 0);
});

test('the spike that ] goes to is the rebuild, and the flame graph names it', async () => {
  const prompt = await host('--past', '45');
  const page = await open(browser, prompt.url);
  await until('spikes', async () => /[1-9]\d* spikes/.test((await page.getAttribute('#heat', 'aria-label')) ?? ''));
  await page.hover('#heat', { position: { x: 200, y: 51 } });
  await until('the day', async () => /UTC ?\d{4}-\d\d-\d\d \d\d:\d\d:/.test(await text(page, '#g-kv')));
  await page.keyboard.press(']');
  await until('the rebuild', async () => (await frames(page)).some((name) => /^rebuild_index {2}· .*\b[678]\d\.\d %/.test(name)));
  const top = await page.$$eval('#rows tr', (rows) => rows.slice(0, 4).map((row) => row.children[3].textContent));
  assert.ok(top.some((name) => name.includes('clear_page_erms')), String(top));
  assert.equal(await prompt.quit(), 0);
});

test('slice in the shell moves the selection of every page', async () => {
  const prompt = await host('--past', '200');
  const pages = [await open(browser, prompt.url), await open(browser, prompt.url)];
  for (const page of pages) await until('cells', async () => (await painted(page)) > 1000);
  prompt.say('slice 150-152.5');
  for (const page of pages) {
    await until('the range', async () => (await text(page, '#r-sel')).endsWith('+ 2.5 s'));
    assert.match(await text(page, '#live'), /^Selected /);
  }
  // Out of the window: the page goes there.
  prompt.say('slice 10-11');
  for (const page of pages) {
    await until('the range', async () => (await text(page, '#r-sel')).endsWith('+ 1 s'));
    await until('held', async () => (await text(page, '#follow-state')) === 'held');
    await until('its samples', async () => /^\d+ samples/.test(await text(page, '#r-sel-q')));
  }
  assert.equal(await prompt.quit(), 0);
});

test('typed ranges select, and nonsense is answered with the shell’s sentence', async () => {
  const prompt = await host('--past', '30');
  const page = await open(browser, prompt.url);
  await until('cells', async () => (await painted(page)) > 1000);
  await page.focus('#r-sel');
  await page.evaluate(() => (document.getElementById('r-sel').textContent = '3 - 4.25'));
  await page.keyboard.press('Enter');
  await prompt.see(/^selection \d+ 3.000 4.250$/m);
  await until('the range', async () => (await text(page, '#r-sel')).endsWith('+ 1.25 s'));
  await page.focus('#r-sel');
  await page.evaluate(() => (document.getElementById('r-sel').textContent = 'yesterday'));
  await page.keyboard.press('Enter');
  await until('the sentence', async () => (await text(page, '#note')).includes('a time is expected'));
  assert.equal(await prompt.quit(), 0);
});

test('two clicks select as in FlameScope, Esc gives up, arrows and Enter work alone', async () => {
  const prompt = await host('--past', '90', '--still');
  const page = await open(browser, prompt.url);
  await until('cells', async () => (await painted(page)) > 1000);
  const box = await page.locator('#heat').boundingBox();
  const click = (x, y) => page.mouse.click(box.x + box.width * x, box.y + box.height * y);
  await click(0.4, 0.5);
  await page.keyboard.press('Escape');
  await click(0.5, 0.5);
  await click(0.6, 0.5);
  await until('one selection', () => selections(prompt).length === 1);
  const [from, to] = selections(prompt)[0].split(' ').map(Number);
  assert.ok(to - from > 5 && to - from < 15, `${from} ${to}`);
  await page.focus('#heat');
  await page.mouse.move(0, 0);
  for (const key of ['ArrowRight', 'ArrowUp', 'Shift+ArrowUp', 'Shift+ArrowUp', 'Enter']) await page.keyboard.press(key);
  await until('a second selection', () => selections(prompt).length === 2);
  const [a, b] = selections(prompt)[1].split(' ').map(Number);
  assert.ok(Math.abs(b - a - 0.06) < 1e-6, `${a} ${b}`);
  assert.equal(await prompt.quit(), 0);
});

test('search marks frames and paints cells; names are only ever text', async () => {
  const prompt = await host('--past', '60');
  const page = await open(browser, prompt.url);
  await ready(page);
  assert.equal(await page.$('img'), null);
  assert.ok((await frames(page)).some((name) => name.startsWith('<img src=x onerror=alert(1)>')));
  await page.keyboard.press('/');
  await page.keyboard.type('rebuild_index');
  await until('a share', async () => /^\d+\.\d %$/.test(await text(page, '#q-out')));
  await until('marks', async () => (await page.$$('#chart g.match')).length > 0);
  await page.fill('#q', '(');
  assert.equal(await page.$eval('#q', (input) => input.classList.contains('wrong')), true);
  await page.keyboard.press('Escape');
  await until('no marks', async () => (await page.$$('#chart g.match')).length === 0);
  assert.deepEqual(page.wrong, []);
  assert.equal(await prompt.quit(), 0);
});

test('new frames are drawn where they belong, at once', async () => {
  const prompt = await host('--past', '60');
  const page = await open(browser, prompt.url);
  await ready(page);
  // Looked at as soon as frames are there, before anything else runs.
  await page.evaluate(() => {
    globalThis.misplaced = [];
    new MutationObserver((changes) => {
      if (!changes.some((change) => change.addedNodes.length)) return;
      for (const frame of document.querySelectorAll('#chart g.frame')) {
        const [due, is] = [frame, frame.querySelector('rect')].map((at) => Number(at.getAttribute('width')));
        if (Math.abs(due - is) > 0.5) globalThis.misplaced.push(`${due} ${is}`);
      }
      globalThis.looked = true;
    }).observe(document.querySelector('#chart'), { childList: true });
  });
  prompt.say('slice 3-4');
  await until('new frames', () => page.evaluate(() => globalThis.looked));
  assert.deepEqual(await page.evaluate(() => globalThis.misplaced), []);
  assert.equal(await prompt.quit(), 0);
});

test('a click zooms the flame graph, a folded path opens, Esc goes back', async () => {
  const prompt = await host('--past', '60');
  const page = await open(browser, prompt.url);
  await ready(page);
  prompt.say('slice 3-4');
  await until('the range', async () => (await text(page, '#r-sel')).endsWith('+ 1 s'));
  // Not those of all the window, which were there before.
  const samples = async () => Number((await text(page, '#chart g.frame[data-path=""] text.share')).replace(/\D/g, ''));
  await until('the stacks of a second', async () => (await samples()) < 2 * 499);
  await until('a fold', async () => (await page.$$('#chart g.fold')).length > 0);
  const folds = (await page.$$('#chart g.fold')).length;
  await page.locator('#chart g.fold').first().click({ force: true });
  await until('it opens', async () => (await page.$$('#chart g.fold')).length < folds);
  // A frame with room for its share, neither the root nor a fold.
  await page.locator('#chart g.frame:not(.fold):not([data-path=""]):has(text.share)').first().click({ force: true });
  await until('zoomed', async () => (await page.$$('#chart g.fade')).length > 0);
  await page.keyboard.press('Escape');
  await until('back', async () => (await page.$$('#chart g.fade')).length === 0);
  assert.equal(await prompt.quit(), 0);
});
