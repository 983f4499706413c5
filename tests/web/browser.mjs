// What the web tests share: Chromium, a session to look at, and waiting on conditions.
import { spawn } from 'node:child_process';
import { chromium } from 'playwright-core';

export const BUILD = process.env.FLICKER_BUILD ?? new URL('../../build', import.meta.url).pathname;

// Conditions are waited for, nothing is timed: this only bounds a test that hangs.
export const PATIENCE_MS = 150_000;

export async function launch() {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
      '--disable-background-networking', '--disable-component-update', '--disable-sync'],
  });
}

// The end of a file of tests: a process that a failed test left would keep node from ending.
export async function finish(browser) {
  for (const prompt of Prompt.all) prompt.child.kill('SIGKILL');
  await browser.close();
}

export async function until(what, probe) {
  const end = Date.now() + PATIENCE_MS;
  let seen;
  for (;;) {
    seen = await probe();
    if (seen) return seen;
    if (Date.now() > end) throw new Error(`never happened: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

// A process with a prompt: tests/web/host.c, or flicker itself.
export class Prompt {
  static all = [];

  constructor(program, args = [], options = {}) {
    Prompt.all.push(this);
    this.output = '';
    this.child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'], ...options });
    this.child.stdout.on('data', (data) => (this.output += data));
    this.child.stderr.on('data', (data) => (this.output += data));
    this.ended = new Promise((resolve) => this.child.on('exit', (code, signal) => resolve(code ?? signal)));
  }

  say(line) {
    this.child.stdin.write(`${line}\n`);
  }

  // The first match in what comes after `from` (see mark).
  async see(pattern, from = 0) {
    return until(`${pattern} in the output of the prompt:\n${this.output}`, () => this.output.slice(from).match(pattern));
  }

  mark() {
    return this.output.length;
  }

  async quit() {
    this.child.stdin.end('quit\n');
    const code = await Promise.race([this.ended, new Promise((resolve) => setTimeout(() => resolve('hangs'), PATIENCE_MS).unref())]);
    this.child.kill('SIGKILL');
    return code;
  }
}

export async function host(...args) {
  const prompt = new Prompt(`${BUILD}/tests/web/web_host`, args);
  prompt.url = (await prompt.see(/^url (\S+)$/m))[1];
  return prompt;
}

// A page of the session. What goes wrong inside it, and every request that leaves, is kept.
export async function open(browser, url, options = {}) {
  const context = options.context ?? (await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options }));
  const page = await context.newPage();
  page.wrong = [];
  page.foreign = [];
  page.on('pageerror', (error) => page.wrong.push(String(error)));
  page.on('console', (message) => message.type() === 'error' && page.wrong.push(message.text()));
  page.on('request', (request) => {
    const to = new URL(request.url());
    if (to.origin !== new URL(url).origin && to.protocol !== 'data:') page.foreign.push(request.url());
  });
  page.setDefaultTimeout(PATIENCE_MS);
  await page.goto(url);
  return page;
}

export async function text(page, selector) {
  return (await page.textContent(selector)).trim();
}

// How many pixels of the heatmap's cells are not the page's ground, in the right `share` of it.
export async function painted(page, share = 1) {
  return page.evaluate((part) => {
    const canvas = document.getElementById('heat');
    const from = Math.round(canvas.width * (1 - part));
    const { data } = canvas.getContext('2d').getImageData(from, 50, canvas.width - from, 180);
    const pixels = new Uint32Array(data.buffer);
    let count = 0;
    for (const pixel of pixels) if (pixel >>> 24 && pixel !== pixels[0]) count++;
    return count;
  }, share);
}

// Drags over the heatmap between two places, in shares of its width and height.
export async function drag(page, from, to, modifier) {
  const box = await page.locator('#heat').boundingBox();
  const at = ([x, y]) => [box.x + box.width * x, box.y + box.height * y];
  if (modifier) await page.keyboard.down(modifier);
  await page.mouse.move(...at(from));
  await page.mouse.down();
  await page.mouse.move(...at([(from[0] + to[0]) / 2, (from[1] + to[1]) / 2]), { steps: 3 });
  await page.mouse.move(...at(to), { steps: 3 });
  await page.mouse.up();
  if (modifier) await page.keyboard.up(modifier);
}
