// The page: keeps model, canvas, flame graph and command line in step.
import { deltaColour, FlameGraph } from './flame';
import { duration, percent, rangeText, rangeWords, typedWords, valuesText, valueWords, weight } from './format';
import { Gestures } from './gestures';
import { Glass } from './glass';
import { Heat, plotWidth } from './heat';
import { BAND_ROWS, Model, pairs, type Scale } from './model';
import { readPalette, type Palette } from './palette';
import { Session } from './session';
import { drawStatus, Note, put } from './status';
import { TopTable } from './table';
import { DELTA_MOST, type Range, type StreamEvent, type Totals, type Values, type View } from './types';

const SECOND = 1e9;
const ROWS = 50;
// Time in view, and 0 for all there is.
const SPANS: [string, number][] = [['5 s', 5], ['90 s', 90], ['10 min', 600], ['1 h', 3600], ['all', 0]];
const COLUMN_STEPS = [0.1, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21600, 86400];
const NARROW = 600;
const BANDS_MOST = 4; // more CPUs do not fit

function $<T extends HTMLElement>(id: string): T {
  return document.getElementById(id) as T;
}

class Page {
  private readonly model = new Model();
  private readonly heat = new Heat($<HTMLCanvasElement>('heat'));
  private readonly note = new Note($('note'));
  private readonly session = new Session({
    event: (event) => this.event(event),
    link: (link, detail) => {
      this.note.set(link, detail);
      this.draw();
    },
  });
  private readonly glass = new Glass(({ range, values }, signal) => {
    const which = this.model.byValue ? `&values=${encodeURIComponent(this.valueParam(values ? [values] : []))}` : '';
    return this.session.flame(`ranges=${param([range])}${which}&least=0.01`, signal);
  });
  private readonly gestures: Gestures;
  private readonly flame: FlameGraph;
  private readonly table: TopTable;
  private palette: Palette;
  private theme: 'light' | 'dark' | null = null; // chosen by hand
  private readonly dark = matchMedia('(prefers-color-scheme: dark)');
  private spanS = 90;
  private from: number | null = null; // of a held window
  private drawing = false;
  private changed: Set<number> | null = null; // columns to draw anew; null: everything
  private drawnAt = 0;
  private drawCostMs = 0;
  private later = 0;
  private frozen: StreamEvent[] = []; // what came during a drag
  private generation = -1;
  private asked = ''; // the answer that flame graph and table show
  private answerAt = 0;
  private answerCostMs = 0;
  private answering: AbortController | null = null;
  private totals: { here: Totals; base: Totals | undefined } | null = null;
  private rows: 'offset' | 'value' = 'offset';
  private order: 'self' | 'total' = 'self';
  private callers = false;
  private group = 'function';
  private colours: 'kind' | 'diff' | 'gone' = 'kind';
  private kinds: number[] = []; // self weight of each
  private searching: AbortController | null = null;
  private bandsAt = 0;
  private bandsOf = '';

  constructor() {
    this.applyTheme();
    this.palette = readPalette('scale');
    this.flame = new FlameGraph($('chart'), $('detail'), this.palette);
    this.table = new TopTable($('rows'), $('t-base'), (name) => this.setSearch(`^${escape(name)}$`));
    this.gestures = new Gestures(this.heat, this.model, {
      hover: (cell) => {
        this.model.cursor = cell;
        this.draw();
      },
      preview: (area, baseline) => {
        this.model.dragging = area;
        this.model.draggingBase = baseline;
        if (!area) this.thaw();
        this.draw();
      },
      select: ({ range, values }, add) => {
        const { selection, byValue } = this.model;
        const chosen = values ? [values] : [];
        const before = add ? this.model.values() : [];
        // With all values in one of them there is nothing to choose.
        const all = add && selection.ranges.length && (!before.length || !values) ? [] : [...before, ...chosen];
        void this.select(add ? [...pairs(selection.ranges), range] : [range], byValue ? all : null);
      },
      baseline: ({ range }) => {
        this.model.baseline = [range];
        this.hold();
        if (this.colours === 'kind') press('colours', 'diff');
        this.answer();
        this.draw();
      },
      pan: (columns) => this.pan(columns),
    });
    this.controls();
    void this.start();
  }

  private async start(): Promise<void> {
    this.draw();
    if (await this.session.signIn()) this.watch();
  }

  // --- the stream -------------------------------------------------------------------------------

  private watch(): void {
    const width = $('heat').parentElement!.clientWidth;
    const narrow = width < 560;
    const room = plotWidth(width, narrow, this.rows === 'value');
    const axis = this.model.axis;
    const all = axis ? Math.max(10, (axis.edge - axis.first) / SECOND + 1) : 90;
    const span = innerWidth < NARROW && this.spanS === 90 ? 40 : this.spanS || all;
    const column = this.spanS === 5 ? 0.1 : COLUMN_STEPS.find((step) => step >= 1 && span / step <= room / 2) ?? 86400;
    const wanted = Math.max(1, Math.ceil(span / column));
    const columns = Math.max(wanted, Math.floor(room / Math.max(1, Math.floor(room / wanted))));
    const from = this.from === null ? '' : `&from=${Math.round(this.from)}`;
    this.session.watch(`column=${column * SECOND}&columns=${columns}&rows=${ROWS}${from}${this.rows === 'value' ? '&y=value' : ''}`);
  }

  private event(event: StreamEvent): void {
    if (this.gestures.busy) {
      this.frozen.push(event); // the view holds still under the pointer
      return;
    }
    this.take(event);
  }

  private thaw(): void {
    for (const event of this.frozen.splice(0)) this.take(event);
  }

  private take(event: StreamEvent): void {
    const { model } = this;
    const first = !model.view && event.view;
    const before = model.view;
    const top = model.top();
    const moved = model.take(event);
    if (this.from !== null) this.from += moved;
    if (this.generation !== event.selection.generation) {
      const known = this.generation >= 0;
      this.generation = event.selection.generation;
      if (known) this.announce();
      this.reveal();
      this.answer();
    } else if (this.windowAnswerIsOld()) {
      this.answer();
    }
    if (first) this.fit();
    void this.bands();
    this.drawNews(event, before, top);
  }

  // A file of a few seconds would be lost in a window that is meant for what is still coming.
  private fit(): void {
    const { axis, status } = this.model;
    const short = axis && !status?.recording && axis.edge - axis.first < this.spanS * SECOND;
    if (short) this.span(0);
    else if (this.spanS === 0) this.watch();
  }

  private span(seconds: number): void {
    this.spanS = seconds;
    for (const button of $('spans').querySelectorAll('button'))
      button.setAttribute('aria-pressed', String(Number(button.dataset['v']) === seconds));
    if (this.from !== null) this.from = this.centred();
    this.watch();
  }

  // News of the stream: only the columns that changed are drawn, and no more often than a fifth of
  // the time that drawing takes allows.
  private drawNews(event: StreamEvent, before: View | null, top: number): void {
    const { model } = this;
    const same = before && model.view && before.from === model.view.from && before.columns === model.view.columns;
    // A cell far above all others changes every colour; a hundredth more does not.
    if (!same || event.spikes || Math.abs(model.top() - top) > top * 0.05 || model.dragging) this.changed = null;
    else if (this.changed) for (const column of event.columns ?? []) this.changed.add(column.t);
    // Without new cells there are only figures to set.
    const rest = !this.changed || this.changed.size ? 200 : 1000;
    const wait = Math.max(rest, 5 * this.drawCostMs) - (performance.now() - this.drawnAt);
    if (this.later && rest === 1000) return;
    clearTimeout(this.later);
    this.later = window.setTimeout(() => {
      this.later = 0;
      this.drawSoon();
    }, Math.max(0, wait));
  }

  // Which CPU was it? Asked for once a second, and only while there are few.
  private async bands(): Promise<void> {
    const { view, status, selection } = this.model;
    const cpus = status?.cpus ?? 0;
    if (!view || view.edges || cpus < 2 || cpus > BANDS_MOST || innerWidth < NARROW) return;
    const query = `column=${view.column}&columns=${view.columns}&rows=${BAND_ROWS}&from=${view.from}`;
    const key = `${query} ${selection.filter}`;
    const now = performance.now();
    if (now - this.bandsAt < (key === this.bandsOf && !view.follow ? 5000 : 1000)) return;
    this.bandsAt = now;
    this.bandsOf = key;
    try {
      const answers = await Promise.all(Array.from({ length: cpus }, (_, cpu) => this.session.heatmap(`${query}&cpu=${cpu}`)));
      this.model.bands = answers.map((answer) => new Map((answer.columns ?? []).map((column) => [column.t, column])));
      this.draw();
    } catch {
      // the stream says when the link is down
    }
  }

  // With nothing selected, flame graph and table are those of the window, which grows.
  private windowAnswerIsOld(): boolean {
    if (this.model.selection.ranges.length || !this.model.view) return false;
    return this.model.view.follow && performance.now() - this.answerAt > Math.max(2000, 20 * this.answerCostMs);
  }

  // A selection made in the shell may lie outside the window: go there.
  private reveal(): void {
    const window = this.model.window();
    const ranges = pairs(this.model.selection.ranges);
    const view = this.model.view;
    if (!window || !view || !ranges.length || ranges.some(([a, b]) => a < window[1] && b > window[0])) return;
    const [from, to] = ranges[0]!;
    const { axis } = this.model;
    const width = window[1] - window[0];
    const centred = to - from < width ? (from + to - width) / 2 : from;
    // Within what there is, as far as it fills a window.
    this.holdAt(Math.max(axis!.first - view.column, Math.min(centred, axis!.edge - width)));
  }

  // --- follow and hold --------------------------------------------------------------------------

  private hold(): void {
    if (this.model.view && this.from === null) this.holdAt(this.model.view.from);
  }

  private holdAt(from: number): void {
    this.from = from;
    this.model.heldAt ??= this.model.axis?.edge ?? null;
    this.watch();
  }

  private followNow(): void {
    this.from = null;
    this.model.heldAt = null;
    this.watch();
    this.draw();
  }

  private pan(columns: number): void {
    const { view, axis } = this.model;
    if (!view || !axis) return;
    const from = view.from + columns * view.column;
    const latest = axis.edge - (view.columns - 1) * view.column;
    if (from > latest && columns > 0) this.followNow();
    else this.holdAt(Math.max(from, axis.first - view.column));
  }

  // --- selecting --------------------------------------------------------------------------------

  // values: null leaves those that are selected as they are.
  private async select(ranges: Range[], values: Values[] | null): Promise<void> {
    const { axis, selection } = this.model;
    if (!axis) return;
    this.model.selection = { ...selection, ranges: ranges.flat(), values: values ? values.flat() : selection.values };
    this.hold();
    this.draw();
    await this.run(ranges.length ? rangeWords(axis, ranges) : 'all', values && this.valueParam(values));
  }

  private valueParam(values: Values[]): string {
    return values.length ? this.valueWords(values).join() : 'all';
  }

  private valueWords(values: Values[]): string[] {
    const { view } = this.model;
    return valueWords(values, view?.byValue ? view.unit : '');
  }

  private async run(words: string, values: string | null): Promise<boolean> {
    try {
      await this.session.slice(words, values);
      this.note.fail('');
      return true;
    } catch (error) {
      this.note.fail(error instanceof Error ? error.message : String(error));
      this.draw();
      return false;
    }
  }

  private jump(direction: 1 | -1): void {
    const { spikes, selection, view } = this.model;
    if (!view) return;
    const at = selection.ranges[0] ?? (direction > 0 ? -Infinity : Infinity);
    const list = spikes.filter(([from]) => (direction > 0 ? from > at : from < at));
    const spike = direction > 0 ? list[0] : list[list.length - 1];
    if (spike) {
      void this.select([[spike[0], spike[1]]], null);
      return;
    }
    this.note.fail(
      this.model.byValue
        ? 'spikes are moments when the number of samples leaves its band: press v for rows of offsets, then [ and ] go to them'
        : spikes.length
          ? `no spike in view lies ${direction > 0 ? 'after' : 'before'} the selection`
          : 'no spike stands out of what is in view',
    );
    this.draw();
  }

  // --- flame graph and table --------------------------------------------------------------------

  private answer(): void {
    const { model } = this;
    const selected = pairs(model.selection.ranges);
    const window = model.window();
    const ranges = selected.length ? selected : window ? [window] : [];
    if (!model.axis || !ranges.length) return;
    const against = model.against().ranges;
    const query = `ranges=${param(ranges)}${against.length ? `&base=${param(against)}` : ''}`;
    const shape = `${this.callers ? '&invert=on' : ''}${this.group === 'function' ? '' : `&group=${this.group}`}`;
    const elided = this.colours === 'gone' && against.length ? '&elided=on' : '';
    const key = `${query}${shape}${elided} ${model.selection.filter} ${this.generation} ${this.order}`;
    const moving = !selected.length && model.view?.follow;
    if (key === this.asked && !moving) return;
    this.asked = key;
    this.answerAt = performance.now();
    this.answering?.abort();
    const { signal } = (this.answering = new AbortController());
    const chosen = model.against().chosen;
    void this.session.flame(`${query}${shape}${elided}&least=0.0005`, signal).then((flame) => {
      this.totals = { here: flame.totals, base: flame.base };
      const started = performance.now();
      this.flame.show(flame);
      this.answerCostMs = performance.now() - started;
      this.kinds = flame.kinds;
      this.drawLegend();
      this.drawRanges();
      this.matched();
    }).catch((error: unknown) => this.asking(error));
    void this.session.top(`${query}${shape}&n=60&by=${this.order}`, signal).then((top) => {
      const room = innerWidth >= 1040 ? Math.max(8, Math.floor(($('chart').clientHeight - 4) / 19)) : 13;
      this.table.show(top, chosen, this.order, room);
    }).catch((error: unknown) => this.asking(error));
  }

  private asking(error: unknown): void {
    if (error instanceof DOMException && error.name === 'AbortError') return;
    this.asked = '';
    if (error instanceof TypeError) return; // the link is down: the stream says so
    this.note.fail(error instanceof Error ? error.message : String(error));
    this.draw();
  }

  // --- search -----------------------------------------------------------------------------------

  private pattern(): RegExp | null {
    const text = this.model.search;
    try {
      $('q').classList.remove('wrong');
      return text ? new RegExp(text, 'i') : null;
    } catch {
      $('q').classList.add('wrong');
      return null;
    }
  }

  private setSearch(text: string): void {
    const input = $<HTMLInputElement>('q');
    if (input.value !== text) input.value = text;
    this.model.search = text;
    this.matched();
    this.paintMatches();
    this.draw();
  }

  private matched(): void {
    const pattern = this.pattern();
    const share = this.flame.search(pattern);
    $('q-out').textContent = pattern ? percent(share) : '';
  }

  // Cells are painted by the share of their samples that match: where in time is this code?
  private paintMatches(): void {
    this.searching?.abort();
    const { model } = this;
    const view = model.view;
    if (!model.search || !this.pattern() || !view) {
      model.matches = null;
      return;
    }
    const { signal } = (this.searching = new AbortController());
    const scale = view.edges?.length ? `&y=${view.edges[0]}..${view.edges[view.edges.length - 1]}` : '';
    const query = `column=${view.column}&columns=${view.columns}&rows=${view.rows}&from=${view.from}${scale}`;
    setTimeout(() => {
      if (signal.aborted) return;
      this.session.heatmap(`${query}&search=${encodeURIComponent(`(?i)${model.search}`)}`, signal).then((event) => {
        model.matches = new Map((event.columns ?? []).map((column) => [column.t, column]));
        this.draw();
        if (view.follow && model.search) window.setTimeout(() => !signal.aborted && this.paintMatches(), 1000);
      }).catch((error: unknown) => this.asking(error));
    }, 150);
  }

  // --- drawing ----------------------------------------------------------------------------------

  private draw(): void {
    this.changed = null;
    this.drawSoon();
  }

  private drawSoon(): void {
    if (this.drawing) return;
    this.drawing = true;
    requestAnimationFrame(() => {
      const started = performance.now();
      this.drawing = false;
      this.render();
      this.changed = new Set();
      this.drawnAt = performance.now();
      this.drawCostMs = this.drawnAt - started;
    });
  }

  private render(): void {
    const { model, palette } = this;
    drawStatus(model);
    this.note.draw(model);
    if (!this.changed || this.changed.size) this.heat.draw(model, palette, this.changed);
    this.glass.draw(model, palette, this.heat);
    this.drawFollow();
    if (!this.changed) this.drawRanges();
    this.drawCommand();
    const label = this.heat.describe(model);
    if (this.heat.canvas.getAttribute('aria-label') !== label) this.heat.canvas.setAttribute('aria-label', label);
    const view = model.view;
    if (view) {
      put('v-column', duration(view.column));
      this.sayScale(view.full > 0);
      put('v-row', model.byValue ? '' : duration(view.column / view.rows));
    }
  }

  // Where it is not known what a cell could hold there is no share of it.
  private sayScale(full: boolean): void {
    const scale = $<HTMLSelectElement>('scale');
    scale.options[0]!.disabled = !full;
    const said = full || this.model.scale !== 'cpus' ? this.model.scale : 'seen';
    if (scale.value !== said) scale.value = said;
  }

  private drawFollow(): void {
    const { axis, heldAt, status } = this.model;
    const held = this.from !== null;
    const behind = held && axis && heldAt !== null ? Math.floor((axis.edge - heldAt) / SECOND) : 0;
    put('follow-state', held ? 'held' : status && !status.recording ? 'newest' : 'following');
    put('follow-behind', behind > 0 ? `+${behind} s` : '');
    put('follow-act', held ? 'follow' : 'hold');
    $('follow').setAttribute('aria-pressed', String(!held));
  }

  private drawRanges(): void {
    const { model, totals } = this;
    const axis = model.axis;
    if (!axis) return;
    const field = $('r-sel');
    const ranges = model.ranges();
    const window = model.window();
    const values = this.valuesSaid();
    if (document.activeElement !== field) {
      const text = (ranges.length ? rangeText(axis, ranges) : 'all of the window') + values;
      if (field.textContent !== text) field.textContent = text;
      field.classList.remove('wrong');
    }
    const lengths = (list: Range[]) => list.reduce((sum, [a, b]) => sum + b - a, 0);
    const amount = (t: Totals, list: Range[]) => {
      const n = t.byValue ? t.value : t.samples;
      const view = model.view;
      const full = view && view.full > 0 ? (view.full * lengths(list)) / (view.column / view.rows) : 0;
      const share = full && list.length && innerWidth >= NARROW ? `, ${percent(n / full, 0)} of all CPUs` : '';
      return `${t.lost ? 'at least ' : ''}${weight(n, t.unit, t.byValue)}${share}`;
    };
    const settled = totals && !model.dragging;
    put('r-sel-q', settled ? amount(totals.here, ranges.length ? ranges : window ? [window] : []) : '');
    const against = model.against();
    const base = document.querySelector<HTMLElement>('.range.base')!;
    base.hidden = !against.ranges.length;
    put('r-base', against.chosen ? rangeText(axis, against.ranges) : 'rest of the window');
    put('r-base-q', settled && totals.base ? amount(totals.base, against.ranges) : '');
    $('r-filter-wrap').hidden = !model.selection.filter;
    put('r-filter', model.selection.filter);
  }

  // The values that are marked on the map, for reading.
  private valuesSaid(): string {
    const { model } = this;
    const values = model.byValue ? model.values() : [];
    return values.length ? `, ${valuesText(values, model.view!.byValue ? model.view!.unit : '')}` : '';
  }

  private drawCommand(): void {
    const { model } = this;
    const ranges = model.ranges();
    const code = $('cmd');
    const words = model.axis && ranges.length ? rangeWords(model.axis, ranges) : 'all';
    const against = model.against();
    const base = model.axis && against.chosen ? rangeWords(model.axis, against.ranges) : '';
    const stacks = `${this.callers ? ' invert=on' : ''}${this.group === 'function' ? '' : ` group=${this.group}`}`;
    const gone = base && this.colours === 'gone' ? ' elided=on' : '';
    const values = model.byValue ? this.valueWords(model.values()).map((range) => ` value=${range}`).join('') : '';
    const key = `${words} ${values} ${base} ${stacks}${gone}`;
    if (code.dataset['of'] === key) return;
    code.dataset['of'] = key;
    const range = document.createElement('u');
    range.textContent = words;
    code.replaceChildren('slice ', range);
    if (values) code.append('; filter', values);
    if (base || stacks) code.append('; flame');
    if (base) {
      const versus = document.createElement('s');
      versus.textContent = base;
      code.append(' vs=', versus);
    }
    code.append(gone, stacks);
  }

  private announce(): void {
    const { model } = this;
    if (!model.axis) return;
    const ranges = model.ranges();
    const values = this.valuesSaid();
    $('live').textContent = ranges.length || values ? `Selected ${ranges.length ? rangeText(model.axis, ranges) : 'all times'}${values}` : 'Nothing selected';
  }

  // --- controls ---------------------------------------------------------------------------------

  private applyTheme(): void {
    document.documentElement.dataset['theme'] = this.theme ?? (this.dark.matches ? 'dark' : 'light');
  }

  private recolour(): void {
    this.applyTheme();
    this.palette = readPalette($<HTMLSelectElement>('palette').value);
    this.heat.recolour();
    this.flame.recolour(this.palette);
    this.draw();
  }

  private controls(): void {
    const { model } = this;
    $('spans').replaceChildren(...SPANS.map(([label, seconds]) => {
      const button = document.createElement('button');
      button.textContent = label;
      button.dataset['v'] = String(seconds);
      button.setAttribute('aria-pressed', String(seconds === this.spanS));
      return button;
    }));
    pick('spans', (value) => this.span(Number(value)));
    pick('direction', (value) => this.flame.direction(value === 'flame'));
    pick('stacks', (value) => {
      this.callers = value === 'callers';
      this.reshape();
    });
    $('group').onchange = () => {
      this.group = $<HTMLSelectElement>('group').value;
      this.reshape();
    };
    pick('colours', (value) => {
      this.colours = value as 'kind' | 'diff' | 'gone';
      this.flame.diff(value === 'diff');
      this.drawLegend();
      this.reshape();
    });
    pick('order', (value) => {
      this.order = value as 'self' | 'total';
      this.answer();
    });
    $('y').onchange = () => {
      this.rows = $<HTMLSelectElement>('y').value as 'offset' | 'value';
      this.note.fail('');
      this.gestures.cancel();
      model.matches = null;
      this.watch();
    };
    $('palette').onchange = () => this.recolour();
    $('scale').onchange = () => {
      model.scale = $<HTMLSelectElement>('scale').value as Scale;
      this.draw();
    };
    $('theme').onclick = () => {
      this.theme = document.documentElement.dataset['theme'] === 'dark' ? 'light' : 'dark';
      this.recolour();
    };
    this.dark.addEventListener('change', () => this.recolour());
    $('follow').onclick = () => (this.from === null ? this.hold() : this.followNow());
    $('keys').onclick = () => showKeys();
    $('copy').onclick = () => void this.copy();
    $<HTMLInputElement>('q').oninput = (event) => this.setSearch((event.target as HTMLInputElement).value);
    this.rangeField();
    document.addEventListener('keydown', (event) => this.key(event));
    let timer = 0;
    new ResizeObserver(() => {
      this.draw();
      clearTimeout(timer);
      timer = window.setTimeout(() => {
        this.watch();
        this.flame.resize();
      }, 150);
    }).observe($('heat').parentElement!);
    setInterval(() => this.note.draw(model), 1000); // "disconnected N s ago"
  }

  private reshape(): void {
    this.answer();
    this.draw();
  }

  private drawLegend(): void {
    if (this.colours === 'diff' && this.flame.compares)
      drawSwatches([[deltaColour(this.palette, DELTA_MOST), 'more self'], [deltaColour(this.palette, -DELTA_MOST), 'less self']]);
    else drawKinds(this.callers ? [] : this.kinds); // of leaves, which are threads' names then
  }

  // Where a held window starts when its length changes: around what is selected, else its middle.
  private centred(): number {
    const window = this.model.window()!;
    const length = this.spanS ? this.spanS * SECOND : (this.model.axis!.edge - this.model.axis!.first);
    const [from, to] = pairs(this.model.selection.ranges)[0] ?? window;
    return this.spanS === 0 ? this.model.axis!.first : (from + to) / 2 - length / 2;
  }

  private rangeField(): void {
    const field = $('r-sel');
    field.addEventListener('focus', () => {
      const { axis } = this.model;
      const ranges = this.model.ranges();
      if (axis) field.textContent = ranges.length ? rangeWords(axis, ranges) : 'all'; // of values: see filter
    });
    field.addEventListener('keydown', (event) => {
      if (event.key === 'Escape') field.blur();
      if (event.key !== 'Enter') return;
      event.preventDefault();
      void this.run(typedWords(field.textContent ?? ''), null).then((done) => {
        field.classList.toggle('wrong', !done);
        if (done) field.blur();
      });
    });
    field.addEventListener('blur', () => this.draw());
  }

  private async copy(): Promise<void> {
    const text = $('cmd').textContent ?? '';
    try {
      await navigator.clipboard.writeText(text);
      $('copy').textContent = 'copied';
    } catch {
      getSelection()?.selectAllChildren($('cmd')); // not allowed to: at least it is marked
      $('copy').textContent = 'marked';
    }
    setTimeout(() => ($('copy').textContent = 'copy'), 1500);
  }

  private key(event: KeyboardEvent): void {
    const target = event.target as HTMLElement;
    const typing = target.matches('input, select, [contenteditable]');
    if (event.key === 'Escape') this.escape(typing ? target : null);
    if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
    const act: Record<string, () => void> = {
      '[': () => this.jump(-1),
      ']': () => this.jump(1),
      '/': () => $('q').focus(),
      f: () => $('follow').click(),
      v: () => this.switchRows(),
      t: () => $('theme').click(),
      c: () => $('copy').click(),
      b: () => this.dropBaseline(),
      d: () => press('colours', this.colours === 'diff' ? 'kind' : 'diff'),
      e: () => press('colours', this.colours === 'gone' ? 'kind' : 'gone'),
      i: () => press('stacks', this.callers ? 'callees' : 'callers'),
      '?': () => showKeys(),
    };
    const span = SPANS[Number(event.key) - 1];
    if (span) document.querySelector<HTMLElement>(`#spans [data-v="${span[1]}"]`)?.click();
    const run = act[event.key];
    if (!run) return;
    event.preventDefault();
    run();
  }

  private switchRows(): void {
    const rows = $<HTMLSelectElement>('y');
    rows.value = this.rows === 'value' ? 'offset' : 'value';
    rows.dispatchEvent(new Event('change'));
  }

  // The selection becomes the baseline; without one, the baseline goes.
  private dropBaseline(): void {
    const ranges = pairs(this.model.selection.ranges);
    this.model.baseline = this.model.baseline.length ? [] : ranges;
    if (!this.model.baseline.length && this.colours !== 'kind') press('colours', 'kind');
    this.answer();
    this.draw();
  }

  // One step back: the nearest thing that can be undone.
  private escape(field: HTMLElement | null): void {
    if ($<HTMLDialogElement>('help').open) return;
    if (field) field.blur();
    if (this.gestures.cancel()) return;
    if (this.model.search) this.setSearch('');
    else if (field) return;
    else if (this.flame.back()) return;
    else if (this.model.baseline.length) this.dropBaseline();
    else if (this.model.byValue && this.model.selection.values.length) void this.select([], []);
    else if (this.model.selection.ranges.length) void this.select([], null);
    else if (this.from !== null) this.followNow();
  }
}

// The buttons of a group, one of which is pressed.
function pick(id: string, picked: (value: string) => void): void {
  const group = $(id);
  group.addEventListener('click', (event) => {
    const button = (event.target as Element).closest('button');
    if (!button) return;
    for (const other of group.querySelectorAll('button')) other.setAttribute('aria-pressed', String(other === button));
    picked(button.dataset['v']!);
  });
}

function press(id: string, value: string): void {
  $(id).querySelector<HTMLElement>(`[data-v="${value}"]`)?.click();
}

function drawSwatches(items: [colour: string, text: string][]): void {
  $('kinds').replaceChildren(...items.map(([colour, text]) => {
    const item = document.createElement('li');
    const swatch = document.createElement('i');
    swatch.style.background = colour;
    item.append(swatch, text);
    return item;
  }));
}

function drawKinds(kinds: number[]): void {
  const names = ['user', 'kernel', 'jit', 'inlined', 'interpreted', 'no stack', 'unresolved'];
  const tokens = ['user', 'kernel', 'jit', 'inlined', 'interpreted', 'comm', 'unresolved'];
  const whole = kinds.reduce((sum, n) => sum + n, 0) || 1;
  drawSwatches(kinds.flatMap((n, i): [string, string][] => (n ? [[`var(--${tokens[i]!})`, `${names[i]} ${percent(n / whole, 0)}`]] : [])));
}

function showKeys(): void {
  const dialog = $<HTMLDialogElement>('help');
  if (!dialog.childElementCount) {
    const list = document.createElement('dl');
    const keys: [string, string][] = [
      ['drag, or click and click', 'select time; where rows are values, those too'],
      ['v', 'rows are offsets in the column, or values (how long, how large), by their logarithm'],
      ['ctrl + drag', 'baseline to compare with'],
      ['shift + drag', 'one more range'],
      ['[  ]', 'previous, next spike'],
      ['arrows, shift + arrows, enter', 'the same on the heatmap by keyboard'],
      ['f', 'follow, hold'],
      ['1 – 5', 'time in view'],
      ['/', 'search frames; cells are painted by the share that matches'],
      ['b', 'the selection becomes the baseline; again: drop it'],
      ['d', 'colour the flame graph by difference to the baseline, or the rest'],
      ['e', 'only what the baseline does and this does no more'],
      ['i', 'callers: stacks from the leaf up'],
      ['c', 'copy the command'],
      ['t', 'light or dark'],
      ['esc', 'one step back'],
    ];
    for (const [key, what] of keys) {
      const dt = document.createElement('dt');
      const dd = document.createElement('dd');
      dt.textContent = key;
      dd.textContent = what;
      list.append(dt, dd);
    }
    dialog.append(list);
    dialog.addEventListener('click', () => dialog.close());
  }
  dialog.showModal();
}

function param(ranges: Range[]): string {
  return ranges.map(([from, to]) => `${Math.round(from)}:${Math.round(to)}`).join(',');
}

function escape(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}

new Page();
