// Draws the heatmap: spikes, busy bars, cells, selection, axes.
import { clock, digitsFor, duration, valueText } from './format';
import { BAND_ROWS, pairs, paintOf, type Cell, type Model } from './model';
import type { Palette } from './palette';
import { Paint, type Range, type Values } from './types';

const LEFT = 54;
const RIGHT = 64;
const SPIKES = 16; // heights
const BUSY = 28;
const GAP = 5;
const AXIS = 24;
const BAND = 26;
const BAND_GAP = 4;

export interface Layout {
  left: number;
  right: number; // where the cells end
  top: number;
  bottom: number;
  columnWidth: number;
  rowHeight: number;
  width: number;
  height: number;
  narrow: boolean;
}

// Room for labels: those of values are longer.
function leftOf(narrow: boolean, byValue: boolean): number {
  return narrow ? (byValue ? 50 : 34) : LEFT;
}

// Room for cells in a plot of this width.
export function plotWidth(width: number, narrow: boolean, byValue: boolean): number {
  return Math.max(60, width - leftOf(narrow, byValue) - (narrow ? 0 : RIGHT));
}

export function layout(width: number, columns: number, rows: number, byValue: boolean): Layout {
  const narrow = width < 560;
  const rowHeight = Math.max(1, Math.round(((window.innerHeight < 760 ? 4 : 5) * 50) / rows));
  const columnWidth = Math.max(1, Math.floor(plotWidth(width, narrow, byValue) / columns));
  const left = leftOf(narrow, byValue);
  const top = SPIKES + BUSY + GAP;
  const bottom = top + rows * rowHeight;
  return { left, right: left + columns * columnWidth, top, bottom, columnWidth, rowHeight, width, height: bottom + AXIS, narrow };
}

export class Heat {
  private geometry: Layout | null = null;
  private readonly cells = document.createElement('canvas');
  private patterns = new Map<string, CanvasPattern>();

  constructor(readonly canvas: HTMLCanvasElement) {}

  recolour(): void {
    this.patterns.clear();
  }

  // `changed`: the columns (by start) that are to be drawn anew; null: everything. A canvas that is
  // drawn anew as a whole several times a second costs a good part of a CPU where there is no GPU.
  draw(model: Model, palette: Palette, changed: Set<number> | null): void {
    const width = this.canvas.parentElement!.clientWidth;
    const view = model.view;
    const geometry = layout(width, view?.columns ?? 90, view?.rows ?? 50, model.byValue);
    this.geometry = geometry;
    const bands = geometry.narrow || model.byValue ? 0 : model.bands.length;
    const height = geometry.height + (bands ? 4 : 0) + bands * (BAND + BAND_GAP);
    const x = scaled(this.canvas, width, height);
    x.save();
    if (changed && view) clipColumns(x, geometry, view.from, view.column, changed, height);
    x.clearRect(0, 0, width, height);
    this.paint(x, model, palette, geometry, bands);
    x.restore();
  }

  private paint(x: CanvasRenderingContext2D, model: Model, palette: Palette, geometry: Layout, bands: number): void {
    const view = model.view;
    this.axes(x, model, palette, geometry);
    if (!view || !model.axis) return;
    this.raster(x, model, palette, geometry);
    this.paints(x, model, palette, geometry);
    if (geometry.columnWidth >= 6) columnGaps(x, palette, geometry, view.columns);
    this.words(x, model, palette, geometry);
    this.busy(x, model, palette, geometry);
    if (!geometry.narrow) this.mean(x, model, palette, geometry);
    this.spikes(x, model, palette, geometry);
    for (let band = 0; band < bands; band++) this.band(x, model, palette, geometry, band);
    const against = model.against();
    if (against.chosen) for (const range of against.ranges) this.outlines(x, model, palette, geometry, range, 'base');
    const selected = model.ranges();
    const all = model.byValue && model.values().length ? [model.window()!] : [];
    for (const range of selected.length ? selected : all) this.outlines(x, model, palette, geometry, range, 'sel');
    const cell = model.cursor ?? (model.selection.ranges.length ? model.heaviest() : null);
    if (cell) this.cursor(x, model, palette, geometry, cell);
  }

  // The cell at a place of the canvas; outside it, the nearest.
  at(model: Model, px: number, py: number): Cell | null {
    const g = this.geometry;
    const view = model.view;
    if (!g || !view) return null;
    const column = clamp(Math.floor((px - g.left) / g.columnWidth), 0, view.columns - 1);
    const row = clamp(Math.floor((g.bottom - py) / g.rowHeight), 0, view.rows - 1);
    return { t: view.from + column * view.column, row };
  }

  inside(px: number, py: number): boolean {
    const g = this.geometry;
    return !!g && px >= g.left && px < g.right && py >= g.top && py < g.bottom;
  }

  // The spike whose mark is at this place.
  spikeAt(model: Model, px: number, py: number): Range | null {
    const g = this.geometry;
    const view = model.view;
    if (!g || !view || py > SPIKES + BUSY) return null;
    let best: Range | null = null;
    let distance = 7;
    for (const [from, to] of model.spikes) {
      const away = Math.abs(g.left + ((from - view.from) / view.column) * g.columnWidth + g.columnWidth / 2 - px);
      if (away < distance) {
        best = [from, to];
        distance = away;
      }
    }
    return best;
  }

  private raster(x: CanvasRenderingContext2D, model: Model, palette: Palette, g: Layout): void {
    const { from, column, columns, rows } = model.view!;
    const image = new ImageData(columns, rows);
    const pixels = new Uint32Array(image.data.buffer);
    for (let i = 0; i < columns; i++) {
      const cells = model.columns.get(from + i * column);
      if (!cells) continue;
      const hits = model.matches?.get(cells.t);
      for (let row = 0; row < rows; row++) {
        const paint = paintOf(cells, row);
        const n = cells.n[row] ?? 0;
        if (n === 0 && paint !== 0) continue;
        let colour = palette.zero;
        if (n > 0 && model.matches) colour = palette.mix(model.level(n), (hits?.n[row] ?? 0) / n);
        else if (n > 0) colour = palette.ramp[Math.round(model.level(n) * 255)]!;
        pixels[(rows - 1 - row) * columns + i] = colour;
      }
    }
    this.cells.width = columns;
    this.cells.height = rows;
    this.cells.getContext('2d')!.putImageData(image, 0, 0);
    x.imageSmoothingEnabled = false;
    x.drawImage(this.cells, g.left, g.top, columns * g.columnWidth, rows * g.rowHeight);
  }

  // Paints lie over the cells: what arrived of a cell with losses is still seen.
  private paints(x: CanvasRenderingContext2D, model: Model, palette: Palette, g: Layout): void {
    const { from, column, columns, rows } = model.view!;
    for (let i = 0; i < columns; i++) {
      const cells = model.columns.get(from + i * column);
      if (!cells?.p) continue;
      for (let row = 0; row < rows; ) {
        const kind = this.paintKind(paintOf(cells, row), cells.n[row] ?? 0);
        let end = row + 1;
        while (end < rows && this.paintKind(paintOf(cells, end), cells.n[end] ?? 0) === kind) end++;
        if (kind) {
          x.fillStyle = this.pattern(x, palette, kind, g.rowHeight);
          x.fillRect(g.left + i * g.columnWidth, g.bottom - end * g.rowHeight, g.columnWidth, (end - row) * g.rowHeight);
        }
        row = end;
      }
    }
  }

  private paintKind(paint: number, n: number): string {
    if (paint & Paint.Lost) return n > 0 ? 'part' : 'lost';
    if (n > 0) return '';
    if (paint & Paint.Evicted) return 'evicted';
    if (paint & Paint.Pending) return 'pending';
    return '';
  }

  pattern(x: CanvasRenderingContext2D, palette: Palette, kind: string, rowHeight: number): CanvasPattern {
    const key = `${kind} ${rowHeight}`;
    const known = this.patterns.get(key);
    if (known) return known;
    const ratio = window.devicePixelRatio || 1;
    const size = kind === 'pending' ? rowHeight : 6;
    const tile = document.createElement('canvas');
    tile.width = tile.height = Math.round(size * ratio);
    const y = tile.getContext('2d')!;
    y.scale(tile.width / size, tile.height / size);
    if (kind === 'pending') {
      y.fillStyle = palette.token.hatch;
      y.fillRect(Math.floor(size / 2), Math.floor(size / 2), 1, 1);
    } else {
      y.strokeStyle = kind === 'part' ? palette.token.ink2 : palette.token.hatch;
      y.globalAlpha = kind === 'evicted' ? 0.45 : 1;
      y.lineWidth = 1;
      y.beginPath();
      const down = kind === 'evicted';
      for (const shift of [-size, 0, size]) {
        y.moveTo(shift - 1, down ? -1 : size + 1);
        y.lineTo(shift + size + 1, down ? size + 1 : -1);
      }
      y.stroke();
    }
    const pattern = x.createPattern(tile, 'repeat')!;
    pattern.setTransform(new DOMMatrix().scale(size / tile.width, size / tile.height));
    this.patterns.set(key, pattern);
    return pattern;
  }

  // "not recording" and "evicted", where there is room to say so.
  private words(x: CanvasRenderingContext2D, model: Model, palette: Palette, g: Layout): void {
    const { from, column, columns, rows } = model.view!;
    let start = -1;
    let was = '';
    for (let i = 0; i <= columns; i++) {
      const cells = i < columns ? model.columns.get(from + i * column) : undefined;
      const paint = paintOf(cells, rows >> 1);
      const is = !cells || cells.n.length > (rows >> 1) ? '' : paint & Paint.NotRecording ? 'not recording' : paint & Paint.Evicted ? 'evicted' : '';
      if (is === was) continue;
      if (was && (i - start) * g.columnWidth >= 16) {
        const middle = g.left + ((start + i) / 2) * g.columnWidth;
        x.save();
        x.translate(middle, (g.top + g.bottom) / 2);
        x.font = `11px ${palette.font}`;
        const wide = (i - start) * g.columnWidth > x.measureText(was).width + 16;
        if (!wide) x.rotate(-Math.PI / 2);
        const half = x.measureText(was).width / 2 + 5;
        x.fillStyle = palette.token.bg;
        x.fillRect(-half, -8, 2 * half, 16);
        text(x, was, 0, 1, palette.token.ink3, palette, 'center');
        x.restore();
      }
      start = i;
      was = is;
    }
  }

  // Values at their places: 1, 10, 100; also 2 and 5 where there is room for them.
  private valueAxis(x: CanvasRenderingContext2D, model: Model, palette: Palette, g: Layout): void {
    const { ink3 } = palette.token;
    const { edges, unit, byValue } = model.view!;
    const least = edges![0]!;
    const most = edges![edges!.length - 1]!;
    const decades = Math.log10(most / least);
    const room = (g.bottom - g.top) / decades;
    const digits = room * Math.log10(2) >= 22 ? [1, 2, 5] : [1];
    let free = Infinity; // of the label below
    for (let power = 10 ** Math.floor(Math.log10(least)); power <= most; power *= 10)
      for (const value of digits.map((digit) => digit * power)) {
        if (value < least * 0.999 || value > most * 1.001) continue;
        const y = g.bottom - model.height(value) * (g.bottom - g.top);
        x.fillStyle = ink3;
        x.fillRect(g.left - 8, Math.round(y) - (value >= most ? 0 : 1), 4, 1);
        if (y > free - 14) continue;
        free = y;
        text(x, valueText(value, byValue ? unit : ''), g.left - 11, clamp(y, g.top + 4, g.bottom - 4), ink3, palette, 'right');
      }
  }

  private axes(x: CanvasRenderingContext2D, model: Model, palette: Palette, g: Layout): void {
    const { ink3, line } = palette.token;
    const view = model.view;
    if (!model.byValue) this.offsetAxis(x, view?.column ?? 1e9, palette, g);
    else if (view!.edges!.length) this.valueAxis(x, model, palette, g);
    if (!g.narrow) {
      if (!model.byValue) text(x, 'spikes', g.left - 11, SPIKES / 2 + 1, ink3, palette, 'right');
      text(x, model.byValue ? 'count' : 'busy', g.left - 11, SPIKES + BUSY - 8, ink3, palette, 'right');
    }
    x.fillStyle = line;
    x.fillRect(g.left, SPIKES, g.right - g.left, 1);
    if (view && model.axis) this.timeAxis(x, model, palette, g);
  }

  private offsetAxis(x: CanvasRenderingContext2D, column: number, palette: Palette, g: Layout): void {
    const { ink3 } = palette.token;
    const inMs = column <= 1e9;
    for (let i = 0; i <= 4; i++) {
      const y = g.bottom - ((g.bottom - g.top) * i) / 4;
      const offset = (column * i) / 4;
      const label = g.narrow
        ? ['0', '', '½', '', inMs && column === 1e9 ? '1 s' : duration(column)][i]!
        : inMs ? String(offset / 1e6) : (offset / 1e9).toString();
      if (!g.narrow || label) text(x, label, g.left - 11, clamp(y, g.top + 4, g.bottom - 4), ink3, palette, 'right');
      x.fillStyle = ink3;
      x.fillRect(g.left - 8, Math.round(y) - (i === 4 ? 0 : 1), 4, 1);
    }
    if (g.narrow) return;
    x.save();
    x.translate(8, (g.top + g.bottom) / 2);
    x.rotate(-Math.PI / 2);
    text(x, `${inMs ? 'ms' : 's'} in the ${column === 1e9 ? 'second' : 'column'}  →`, 0, 0, ink3, palette, 'center');
    x.restore();
  }

  private timeAxis(x: CanvasRenderingContext2D, model: Model, palette: Palette, g: Layout): void {
    const { ink3, sel } = palette.token;
    const view = model.view!;
    const axis = model.axis!;
    const perPixel = view.column / g.columnWidth;
    const steps = [1, 2, 5, 10, 20, 50, 100, 200, 500].map((n) => n * 1e6)
      .concat([1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400].map((n) => n * 1e9));
    const step = steps.find((ns) => ns / perPixel >= (g.narrow ? 72 : 84) && ns >= view.column) ?? 86400e9;
    const digits = digitsFor(step);
    // Marks stand on whole steps of the clock that is shown.
    const phase = axis.wallMs === null ? 0 : (((axis.wallMs + (axis.utcOffsetS ?? 0) * 1000) * 1e6) % step);
    const end = view.from + view.columns * view.column;
    const last = view.follow ? 'now' : 'held';
    const room = g.right - x.measureText(last).width - 44;
    for (let t = Math.ceil((view.from + phase) / step) * step - phase; t < end; t += step) {
      const px = g.left + ((t - view.from) / view.column) * g.columnWidth;
      x.fillStyle = ink3;
      x.fillRect(Math.round(px), g.bottom + 3, 1, 4);
      let label = clock(axis, t, digits);
      if (g.narrow && axis.wallMs !== null && step < 3600e9) label = label.slice(3);
      if (px > g.left + 20 - (g.narrow ? 20 : 0) && px < room) text(x, label, px, g.bottom + 15, ink3, palette, 'center');
    }
    x.fillStyle = ink3;
    x.fillRect(g.right - 1, g.bottom + 3, 1, 4);
    const atEdge = view.follow && model.status?.recording;
    const lastText = atEdge ? 'now' : view.follow ? 'end' : end > axis.last ? 'held' : clock(axis, end, digits);
    text(x, lastText, g.right, g.bottom + 15, view.follow ? ink3 : sel, palette, 'right');
    if (!g.narrow) text(x, model.byValue ? 'all' : 'mean', g.right + 14, g.bottom + 15, ink3, palette);
  }

  private busy(x: CanvasRenderingContext2D, model: Model, palette: Palette, g: Layout): void {
    const { from, column, columns, rows, full } = model.view!;
    const sums: number[] = [];
    for (let i = 0; i < columns; i++)
      sums.push((model.columns.get(from + i * column)?.n ?? []).reduce((sum, n) => sum + n, 0));
    const most = model.scale === 'cpus' && full > 0 ? full * rows : Math.max(1, ...sums);
    const floor = SPIKES + BUSY;
    sums.forEach((sum, i) => {
      if (sum === 0) return;
      const height = Math.max(1, Math.min(1, sum / most) * (BUSY - 3));
      const cells = model.columns.get(from + i * column);
      const lossy = cells?.p !== undefined && (typeof cells.p === 'number' ? cells.p & Paint.Lost : cells.p.some((p) => p & Paint.Lost));
      const px = g.left + i * g.columnWidth;
      const wide = Math.max(1, g.columnWidth - (g.columnWidth >= 4 ? 1 : 0));
      x.fillStyle = palette.token.bars;
      x.fillRect(px, floor - height, wide, height);
      if (lossy) {
        x.fillStyle = this.pattern(x, palette, 'part', g.rowHeight);
        x.fillRect(px, floor - height - 4, wide, height + 4);
      }
    });
    if (g.narrow) return;
    const share = model.scale === 'cpus' && full > 0;
    text(x, share ? '100 %' : '', g.right + 14, SPIKES + 5, palette.token.ink3, palette);
    text(x, share ? '0' : '', g.right + 14, floor - 4, palette.token.ink3, palette);
  }

  // Mean by offset: what repeats at the same place of every column stands out. Of values: how often
  // each is.
  private mean(x: CanvasRenderingContext2D, model: Model, palette: Palette, g: Layout): void {
    const { rows } = model.view!;
    const sums = new Array<number>(rows).fill(0);
    for (const column of model.columns.values()) column.n.forEach((n, row) => (sums[row]! += n));
    const most = Math.max(1, ...sums);
    x.fillStyle = palette.token.bars;
    sums.forEach((sum, row) => {
      if (sum) x.fillRect(g.right + 14, g.bottom - (row + 1) * g.rowHeight, Math.max(1, (sum / most) * 40), Math.max(1, g.rowHeight - 1));
    });
  }

  private spikes(x: CanvasRenderingContext2D, model: Model, palette: Palette, g: Layout): void {
    const view = model.view!;
    const selected = model.ranges();
    const strongest = Math.max(0, ...model.spikes.map((spike) => spike[2]));
    for (const [from, to, score] of model.spikes) {
      const px = g.left + (Math.floor((from - view.from) / view.column) + 0.5) * g.columnWidth;
      if (px < g.left || px > g.right) continue;
      const size = score > strongest * 0.8 ? 4.5 : 3.5;
      x.fillStyle = selected.some(([a, b]) => a < to && b > from) ? palette.token.sel : palette.token.ink2;
      x.beginPath();
      x.moveTo(px - size, 4);
      x.lineTo(px + size, 4);
      x.lineTo(px, 4 + size * 1.5);
      x.fill();
    }
  }

  // One CPU, in fewer rows: which of them was it?
  private band(x: CanvasRenderingContext2D, model: Model, palette: Palette, g: Layout, cpu: number): void {
    const { from, column, columns, full, rows } = model.view!;
    const band = model.bands[cpu]!;
    const top = g.height + 4 + cpu * (BAND + BAND_GAP);
    const image = new ImageData(columns, BAND_ROWS);
    const pixels = new Uint32Array(image.data.buffer);
    let sum = 0;
    let watched = 0;
    const hatched: [number, string][] = [];
    for (let i = 0; i < columns; i++) {
      const cells = band.get(from + i * column);
      if (!cells) continue;
      for (let row = 0; row < BAND_ROWS; row++) {
        const n = cells.n[row] ?? 0;
        const paint = paintOf(cells, row);
        sum += n;
        if (n === 0 && paint !== 0) continue;
        watched++;
        pixels[(BAND_ROWS - 1 - row) * columns + i] = n ? palette.ramp[Math.round(Math.min(1, model.bandLevel(n)) * 255)]! : palette.zero;
      }
      const kind = this.paintKind(paintOf(cells, BAND_ROWS >> 1), cells.n[BAND_ROWS >> 1] ?? 0);
      if (kind && kind !== 'pending') hatched.push([i, kind]);
    }
    this.cells.width = columns;
    this.cells.height = BAND_ROWS;
    this.cells.getContext('2d')!.putImageData(image, 0, 0);
    x.drawImage(this.cells, g.left, top, columns * g.columnWidth, BAND);
    for (const [i, kind] of hatched) {
      x.fillStyle = this.pattern(x, palette, kind, g.rowHeight);
      x.fillRect(g.left + i * g.columnWidth, top, g.columnWidth, BAND);
    }
    if (g.columnWidth >= 6) {
      x.fillStyle = palette.token.bg;
      for (let i = 1; i <= columns; i++) x.fillRect(g.left + i * g.columnWidth - 1, top, 1, BAND);
    }
    text(x, `cpu${cpu}`, g.left - 11, top + BAND / 2, palette.token.ink3, palette, 'right');
    const most = (full / Math.max(1, model.bands.length)) * (rows / BAND_ROWS) * watched;
    if (most > 0) text(x, `${((sum / most) * 100).toFixed(0)} %`, g.right + 14, top + BAND / 2, palette.token.ink3, palette);
  }

  // Of a selection in rows that are values: a rectangle for each range of them.
  private outlines(x: CanvasRenderingContext2D, model: Model, palette: Palette, g: Layout, range: Range, which: 'sel' | 'base'): void {
    if (!model.byValue) return this.outline(x, model, palette, g, range, which);
    const values = model.values();
    for (const each of values.length ? values : [null]) this.rectangle(x, model, palette, g, range, each, which);
  }

  private rectangle(
    x: CanvasRenderingContext2D, model: Model, palette: Palette, g: Layout, range: Range, values: Values | null, which: 'sel' | 'base',
  ): void {
    const view = model.view!;
    const first = Math.max(0, Math.floor((range[0] - view.from) / view.column));
    const last = Math.min(view.columns, Math.ceil((range[1] - view.from) / view.column)) - 1;
    if (first > last) return;
    const y = (value: number) => g.bottom - model.height(value) * (g.bottom - g.top);
    const low = values && view.edges!.length ? y(values[0]) : g.bottom;
    const high = values && values[1] !== Infinity && view.edges!.length ? y(values[1] + 1) : g.top;
    const path = new Path2D();
    path.rect(g.left + first * g.columnWidth, high, (last + 1 - first) * g.columnWidth, low - high);
    this.strokeArea(x, palette, g, path, first, last, which);
  }

  // A range of linear time: from an offset in one column up and over to one in another.
  private outline(x: CanvasRenderingContext2D, model: Model, palette: Palette, g: Layout, range: Range, which: 'sel' | 'base'): void {
    const view = model.view!;
    const end = view.from + view.columns * view.column;
    const from = Math.max(range[0], view.from);
    const to = Math.min(range[1], end);
    if (from >= to) return;
    const first = Math.floor((from - view.from) / view.column);
    const last = Math.ceil((to - view.from) / view.column) - 1;
    const px = (column: number) => g.left + column * g.columnWidth;
    const py = (t: number, column: number) => g.bottom - ((t - view.from - column * view.column) / view.column) * (g.bottom - g.top);
    const low = py(from, first);
    const high = py(to, last);
    const path = new Path2D();
    // Neighbours count as a pixel more than their cells, so that the line lies around them.
    if (first === last) {
      path.rect(px(first), high, g.columnWidth, low - high);
    } else if (last === first + 1 && high >= low - 0.5) {
      path.rect(px(first), g.top, g.columnWidth, low - g.top);
      path.rect(px(last), high, g.columnWidth, g.bottom - high);
    } else {
      path.moveTo(px(first), low);
      path.lineTo(px(first), g.top);
      path.lineTo(px(last), g.top);
      path.lineTo(px(last), high);
      path.lineTo(px(last + 1), high);
      path.lineTo(px(last + 1), g.bottom);
      path.lineTo(px(first + 1), g.bottom);
      path.lineTo(px(first + 1), low);
      path.closePath();
    }
    this.strokeArea(x, palette, g, path, first, last, which);
  }

  private strokeArea(
    x: CanvasRenderingContext2D, palette: Palette, g: Layout, path: Path2D, first: number, last: number, which: 'sel' | 'base',
  ): void {
    x.lineJoin = 'miter';
    x.strokeStyle = palette.token.bg;
    x.lineWidth = 5;
    x.stroke(path);
    x.strokeStyle = palette.token[which];
    x.lineWidth = which === 'sel' ? 2 : 1.5;
    x.stroke(path);
    const left = g.left + first * g.columnWidth;
    x.fillStyle = palette.token[which];
    x.fillRect(left, g.bottom + 2, (last + 1 - first) * g.columnWidth, 2);
    x.fillStyle = palette.token[which === 'sel' ? 'sel-soft' : 'base-soft'];
    x.fillRect(left, 0, (last + 1 - first) * g.columnWidth, SPIKES + BUSY);
  }

  private cursor(x: CanvasRenderingContext2D, model: Model, palette: Palette, g: Layout, cell: Cell): void {
    const view = model.view!;
    const column = (cell.t - view.from) / view.column;
    if (column < 0 || column >= view.columns) return;
    const px = g.left + column * g.columnWidth;
    const py = g.bottom - (cell.row + 1) * g.rowHeight;
    const wide = Math.max(g.columnWidth, 3);
    const high = Math.max(g.rowHeight, 3);
    x.strokeStyle = palette.token.bg;
    x.lineWidth = 1;
    x.strokeRect(px - 1.5, py - 1.5, wide + 2, high + 2);
    x.strokeRect(px + 0.5, py + 0.5, wide - 2, high - 2);
    x.strokeStyle = palette.token.ink;
    x.strokeRect(px - 0.5, py - 0.5, wide, high);
  }

  // For the keyboard and for screen readers.
  describe(model: Model): string {
    const view = model.view;
    if (!view || !model.axis) return 'No samples yet';
    const selected = pairs(model.selection.ranges).length;
    return `${view.columns} columns of ${duration(view.column)}${model.byValue ? ' by value' : ''}, highest cell ${model.max}, ${model.spikes.length} spikes, ${selected} ranges selected`;
  }
}

function columnGaps(x: CanvasRenderingContext2D, palette: Palette, g: Layout, columns: number): void {
  x.fillStyle = palette.token.bg;
  for (let i = 1; i <= columns; i++) x.fillRect(g.left + i * g.columnWidth - 1, g.top, 1, g.bottom - g.top);
}

function clipColumns(
  x: CanvasRenderingContext2D, g: Layout, from: number, column: number, changed: Set<number>, height: number,
): void {
  x.beginPath();
  // A pixel more at either side: a cursor or an outline may stand there.
  for (const t of changed) x.rect(g.left + ((t - from) / column) * g.columnWidth - 3, 0, g.columnWidth + 6, height);
  x.clip();
}

// The canvas at this size, in CSS pixels; changing the size empties it.
function scaled(canvas: HTMLCanvasElement, width: number, height: number): CanvasRenderingContext2D {
  const ratio = window.devicePixelRatio || 1;
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    canvas.style.width = `${width}px`;
    canvas.style.height = `${height}px`;
  }
  const x = canvas.getContext('2d')!;
  x.setTransform(ratio, 0, 0, ratio, 0, 0);
  x.textBaseline = 'middle';
  return x;
}

export function prepare(canvas: HTMLCanvasElement, width: number, height: number): CanvasRenderingContext2D {
  const x = scaled(canvas, width, height);
  x.clearRect(0, 0, width, height);
  return x;
}

export function text(
  x: CanvasRenderingContext2D, words: string, px: number, py: number, colour: string, palette: Palette,
  align: CanvasTextAlign = 'left', size = 11,
): void {
  x.font = `${size}px ${palette.font}`;
  x.fillStyle = colour;
  x.textAlign = align;
  x.fillText(words, px, py);
}

function clamp(n: number, low: number, high: number): number {
  return Math.max(low, Math.min(high, n));
}
