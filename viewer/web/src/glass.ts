// The reading glass: what the cell under the pointer holds, and what the colours mean.
import { clock, count, date, digitsFor, duration, percent, valuesText, weight } from './format';
import { prepare, text, type Heat } from './heat';
import { fit, tail } from './labels';
import type { Cell, Model } from './model';
import type { Palette } from './palette';
import { put } from './status';
import { KINDS, Paint, type Area, type Flame, type FlameNode } from './types';

const SECOND = 1e9;
const MINI_ROW = 12;
const MINI_HEIGHT = 132;

function element<T extends HTMLElement>(id: string): T {
  return document.getElementById(id) as T;
}

export class Glass {
  private flame: Flame | null = null;
  private of = '';
  private shown = '';
  private legendAt = 0;
  private legendOf = '';

  constructor(private readonly ask: (area: Area, signal: AbortSignal) => Promise<Flame>) {}

  private request: AbortController | null = null;
  private timer = 0;

  draw(model: Model, palette: Palette, heat: Heat): void {
    const cell = model.cursor ?? model.heaviest();
    this.facts(model, cell);
    this.follow(model, palette, cell);
    const width = element('mini').parentElement!.clientWidth;
    const { view } = model;
    const shape = `${view?.column} ${view?.columns} ${view?.full} ${model.max}`;
    const look = `${palette.token.bg} ${palette.css(0.5)} ${model.scale} ${model.search} ${width} ${shape}`;
    // The histogram of a live window changes always and says nothing new: once a second will do.
    if (look === this.legendOf && performance.now() - this.legendAt < 1000) return;
    if (look !== this.legendOf) this.mini(palette);
    this.legendOf = look;
    this.legendAt = performance.now();
    this.legend(model, palette);
    this.paints(palette, heat);
  }

  private facts(model: Model, cell: Cell | null): void {
    const { view, axis } = model;
    const list = element('g-kv');
    if (!view || !axis || !cell) {
      put('g-time', '–');
      put('g-rel', '');
      list.replaceChildren();
      this.shown = '';
      return;
    }
    const [from, to] = model.cellRange(cell);
    const step = to - from;
    const digits = Math.max(2, digitsFor(step));
    const ago = (axis.edge - from) / SECOND;
    put('g-time', clock(axis, from, Math.min(6, digits)));
    put('g-rel', `${from < 0 ? '\u2212' : '+'}${(Math.abs(from) / SECOND).toFixed(2)} s, ${ago < 0 ? 'not yet' : `${ago.toFixed(ago < 10 ? 1 : 0)} s ago`}`);
    const n = model.cell(cell);
    const paint = model.paint(cell);
    const facts: [string, string][] = [
      model.byValue ? ['value', valueOf(model, cell)] : ['offset', `${duration(from - cell.t)} – ${duration(to - cell.t)}`],
      ['samples', cellText(model, n, paint)],
      ['top frame', this.topFrame()],
    ];
    if (axis.wallMs !== null) facts.push(['UTC', `${date(axis, from, true)} ${clock(axis, from, Math.min(6, digits), true)}`]);
    const key = facts.join('\n');
    if (key === this.shown) return;
    this.shown = key;
    list.replaceChildren(...facts.flatMap(([name, value]) => {
      const dt = document.createElement('dt');
      const dd = document.createElement('dd');
      dt.textContent = name;
      dd.textContent = value;
      return [dt, dd];
    }));
  }

  // Asks for the frames of the cell once the pointer rests.
  private follow(model: Model, palette: Palette, cell: Cell | null): void {
    const area = cell && model.view ? model.area(cell, cell) : null;
    const n = cell ? model.cell(cell) : 0;
    const key = area ? `${area.range[0]} ${area.values} ${n} ${model.selection.filter}` : '';
    if (key === this.of) return;
    this.of = key;
    clearTimeout(this.timer);
    this.request?.abort();
    if (!area || n === 0) {
      this.flame = null;
      this.facts(model, cell);
      this.mini(palette);
      return;
    }
    this.timer = window.setTimeout(async () => {
      this.request = new AbortController();
      try {
        this.flame = await this.ask(area, this.request.signal);
        this.facts(model, cell);
        this.mini(palette);
      } catch {
        // another cell is asked for by now, or the link is down: the glass stays
      }
    }, 60);
  }

  private topFrame(): string {
    const root = this.flame?.root;
    if (!root || !root.v) return '–';
    const self = new Map<string, number>();
    const work = [root];
    for (let node = work.pop(); node; node = work.pop()) {
      if (node.s && node !== root) self.set(node.n, (self.get(node.n) ?? 0) + node.s);
      work.push(...(node.c ?? []));
    }
    let best = '';
    let most = 0;
    for (const [name, n] of self) if (n > most) [best, most] = [name, n];
    return best ? `${tail(best)} ${percent(most / root.v, 0)}` : '–';
  }

  private mini(palette: Palette): void {
    const canvas = element<HTMLCanvasElement>('mini');
    const width = canvas.parentElement!.clientWidth;
    if (!width) return;
    const x = prepare(canvas, width, MINI_HEIGHT);
    const root = this.flame?.root;
    const totals = this.flame?.totals;
    put('g-cap', totals ? `frames in this cell, ${weight(root?.v ?? 0, totals.unit, totals.byValue)}` : '');
    if (!root || !root.v) return;
    const font = `10px ${palette.font}`;
    const work: { node: FlameNode; px: number; row: number }[] = [];
    const push = (node: FlameNode, px: number, row: number) => {
      if ((row + 1) * MINI_ROW > MINI_HEIGHT) return;
      for (const child of [...(node.c ?? [])].sort((a, b) => b.v - a.v)) {
        if ((child.v / root.v) * width < 0.6) break;
        work.push({ node: child, px, row });
        px += (child.v / root.v) * width;
      }
    };
    push(root, 0, 0);
    for (let item = work.pop(); item; item = work.pop()) {
      const { px } = item;
      let { node, row } = item;
      const wide = (node.v / root.v) * width;
      box(x, palette, node, px, row, wide, font);
      let skipped = 0;
      let at = node;
      while (at.c?.length === 1 && at.c[0]!.v === at.v) {
        at = at.c[0]!;
        skipped++;
      }
      if (skipped >= 4) {
        x.fillStyle = palette.token.fill;
        x.fillRect(px, (row + 1) * MINI_ROW, Math.max(0.6, wide - 1), MINI_ROW - 1);
        if (wide > 24) text(x, `⋯ ${skipped - 1}`, px + 4, (row + 1.5) * MINI_ROW, palette.token.ink3, palette, 'left', 10);
        node = at;
        row += 2;
        if ((row + 1) * MINI_ROW > MINI_HEIGHT) continue;
        box(x, palette, node, px, row, wide, font);
      }
      push(node, px, row + 1);
    }
  }

  private legend(model: Model, palette: Palette): void {
    const canvas = element<HTMLCanvasElement>('legend');
    const width = canvas.parentElement!.clientWidth;
    if (!width) return;
    const x = prepare(canvas, width, 92);
    const { ink3, bars, zero } = palette.token;
    const top = model.top();
    const bins = Math.max(8, Math.min(40, Math.round(top)));
    const cells = new Array<number>(bins + 1).fill(0);
    const rows = model.view?.rows ?? 0;
    for (const column of model.columns.values())
      for (let row = 0; row < rows; row++) {
        const n = column.n[row] ?? 0;
        if (n > 0) cells[Math.max(1, Math.round(model.level(n) * bins))]!++;
        else if (!column.p) cells[0]!++;
      }
    const most = Math.log1p(Math.max(1, ...cells));
    const bin = width / (bins + 1);
    text(x, model.matches ? 'grey: no frame matches, orange: all do' : 'cells at each level (log)', width, 9, ink3, palette, 'right');
    cells.forEach((n, i) => {
      const high = (Math.log1p(n) / most) * 28;
      x.fillStyle = bars;
      x.fillRect(i * bin, 50 - high, Math.max(1, bin - 1), high);
      x.fillStyle = i === 0 ? zero : model.matches ? css(palette.mix(i / bins, 0)) : palette.css(i / bins);
      x.fillRect(i * bin, 52, Math.ceil(bin), 10);
      if (i > 0 && model.matches) {
        x.fillStyle = css(palette.mix(i / bins, 1));
        x.fillRect(i * bin, 57, Math.ceil(bin), 5);
      }
    });
    const full = model.view?.full ?? 0;
    const share = model.scale === 'cpus' && full > 0;
    for (let i = 0; i <= 4; i++) {
      const value = model.scale === 'log' ? Math.expm1((Math.log1p(top) * i) / 4) : (top * i) / 4;
      const label = share ? `${i * 25}${i === 4 ? ' %' : ''}` : top < 4 && value % 1 ? value.toFixed(1) : weightShort(value, model);
      text(x, label, (i * width) / 4, 71, ink3, palette, i === 0 ? 'left' : i === 4 ? 'right' : 'center');
    }
    text(x, share ? 'share of all CPUs' : `${unitOf(model)} a cell`, 0, 86, ink3, palette);
    text(x, share ? `100 % = ${weightShort(full, model)} a cell` : `highest cell ${weightShort(model.max, model)}`, width, 86, ink3, palette, 'right');
  }

  private paints(palette: Palette, heat: Heat): void {
    const kinds: [string, string][] = [
      ['zero', 'zero'], ['pending', 'pending'], ['lost', 'lost'], ['part', 'partly lost'],
      ['none', 'not recording'], ['evicted', 'evicted'],
    ];
    const list = element('paints');
    if (list.dataset['of'] === palette.token.bg + palette.css(0.3)) return;
    list.dataset['of'] = palette.token.bg + palette.css(0.3);
    list.replaceChildren(...kinds.map(([kind, name]) => {
      const item = document.createElement('li');
      const swatch = document.createElement('canvas');
      const x = prepare(swatch, 14, 12);
      if (kind === 'zero' || kind === 'part') {
        x.fillStyle = kind === 'zero' ? palette.token.zero : palette.css(0.3);
        x.fillRect(0, 0, 14, 12);
      }
      if (kind !== 'zero' && kind !== 'none') {
        x.fillStyle = heat.pattern(x, palette, kind, 4);
        x.fillRect(0, 0, 14, 12);
      }
      x.strokeStyle = palette.token.line;
      x.strokeRect(0.5, 0.5, 13, 11);
      item.append(swatch, name);
      return item;
    }));
  }
}

function css(pixel: number): string {
  return `rgb(${pixel & 255} ${(pixel >> 8) & 255} ${(pixel >> 16) & 255})`;
}

function unitOf(model: Model): string {
  return model.addsUp ? model.view!.unit ?? 'value' : 'samples';
}

function weightShort(n: number, model: Model): string {
  return model.addsUp ? weight(Math.round(n), model.view!.unit, true) : count(n);
}

function valueOf(model: Model, cell: Cell): string {
  const { edges, unit, byValue } = model.view!;
  return edges!.length ? valuesText([[edges![cell.row]!, edges![cell.row + 1]!]], byValue ? unit : '') : '–';
}

function cellText(model: Model, n: number, paint: number): string {
  const view = model.view!;
  if (n === 0 && paint & Paint.NotRecording) return 'not recording';
  if (n === 0 && paint & Paint.Evicted) return 'evicted';
  if (n === 0 && paint & Paint.Pending) return 'pending';
  const amount = model.addsUp ? weight(n, view.unit, true) : count(n);
  const share = view.full > 0 ? ` of ${model.addsUp ? weight(view.full, view.unit, true) : count(view.full)}, ${percent(n / view.full, 0)} of all CPUs` : '';
  return `${paint & Paint.Lost ? 'at least ' : ''}${amount}${share}`;
}

function box(x: CanvasRenderingContext2D, palette: Palette, node: FlameNode, px: number, row: number, wide: number, font: string): void {
  x.fillStyle = palette.token[node.k === undefined ? 'comm' : KINDS[node.k]!];
  x.fillRect(px, row * MINI_ROW, Math.max(0.6, wide - (wide > 2.5 ? 1 : 0)), MINI_ROW - 1);
  if (wide < 40) return;
  text(x, fit(node.n, wide - 8, font), px + 4, (row + 0.5) * MINI_ROW, palette.token.ink, palette, 'left', 10);
}
