// What the page knows: the newest status, the window of the heatmap, what is selected.
import type { Area, Axis, Column, Range, Selection, Status, StreamEvent, Values, View } from './types';

export const BAND_ROWS = 10;

export type Scale = 'cpus' | 'seen' | 'log';

export interface Cell {
  t: number; // start of its column
  row: number;
}

export class Model {
  status: Status | null = null;
  axis: Axis | null = null;
  selection: Selection = { generation: 0, ranges: [], values: [], filter: '' };
  view: View | null = null;
  columns = new Map<number, Column>(); // by start
  spikes: [number, number, number][] = [];
  matches: Map<number, Column> | null = null; // of the search
  bands: Map<number, Column>[] = []; // of each CPU, when there are few
  baseline: Range[] = []; // chosen by hand; empty: the rest of the window
  dragging: Area | null = null; // not selected yet
  draggingBase = false;
  cursor: Cell | null = null;
  heldAt: number | null = null; // where the newest data was when the window was held
  scale: Scale = 'cpus';
  search = '';
  max = 0; // of all cells in the window
  private seen = 0; // the same, let down slowly: a scale that jumps would flash everything

  // Returns by how much all times moved: the axis starts earlier once an older source is opened.
  take(event: StreamEvent): number {
    const moved = this.axis && event.axis ? ((this.axis.wallMs ?? 0) - (event.axis.wallMs ?? 0)) * 1e6 : 0;
    if (moved) {
      this.baseline = this.baseline.map(([from, to]) => [from + moved, to + moved]);
      if (this.heldAt !== null) this.heldAt += moved;
      this.cursor = null;
    }
    this.status = event.status;
    this.axis = event.axis;
    this.selection = event.selection;
    const view = event.view;
    const before = this.view;
    this.view = view;
    const otherCells = !view !== !before || !view?.edges !== !before?.edges || view?.event !== before?.event;
    if (otherCells) { // nothing of the old ones can be compared with them
      this.spikes = [];
      this.seen = 0;
    }
    if (event.spikes) this.spikes = event.spikes;
    if (!view || !before || otherCells || view.column !== before.column || view.rows !== before.rows ||
        (view.from - before.from) % view.column !== 0 || event.columns?.length === view.columns)
      this.columns.clear();
    for (const column of event.columns ?? []) this.columns.set(column.t, column);
    if (!view) return moved;
    const end = view.from + view.columns * view.column;
    for (const t of this.columns.keys()) if (t < view.from || t >= end) this.columns.delete(t);
    this.max = 0;
    for (const column of this.columns.values()) for (const n of column.n) if (n > this.max) this.max = n;
    this.seen = Math.max(this.max, this.seen * 0.98);
    return moved;
  }

  ranges(): Range[] {
    if (this.dragging && !this.draggingBase) return [this.dragging.range];
    return pairs(this.selection.ranges);
  }

  // Which values are selected; none: all.
  values(): Values[] {
    if (this.dragging && !this.draggingBase && this.byValue) return this.dragging.values ? [this.dragging.values] : [];
    return pairs(this.selection.values).map(([least, most]) => [least, most > 1e19 ? Infinity : most]);
  }

  // Whether rows are values, by their logarithm, instead of offsets in the column.
  get byValue(): boolean {
    return !!this.view?.edges;
  }

  // Whether cells add up values; else they count samples.
  get addsUp(): boolean {
    return !this.byValue && !!this.view?.byValue;
  }

  // Where a value lies between the foot of the rows and their top, 0..1.
  height(value: number): number {
    const edges = this.view!.edges!;
    const least = edges[0] ?? 1;
    const most = edges[edges.length - 1] ?? 10;
    return Math.max(0, Math.min(1, Math.log(Math.max(value, 1e-9) / least) / Math.log(most / least)));
  }

  // The values of these rows: what lies beyond the scale is in its first and its last row.
  rowValues(low: number, high: number): Values {
    const edges = this.view!.edges!;
    const least = edges[low] ?? 0;
    return [low === 0 ? 0 : least, high + 2 >= edges.length ? Infinity : Math.max(least, edges[high + 1]! - 1)];
  }

  // What lies between two cells: linear time, or a rectangle of times and values.
  area(a: Cell, b: Cell): Area {
    const later = (cell: Cell, than: Cell) => cell.t > than.t || (cell.t === than.t && cell.row > than.row);
    const [first, last] = later(a, b) ? [b, a] : [a, b];
    // The shell's seconds begin with what there is.
    const from = Math.max(Math.round(this.cellRange(first)[0]), Math.min(0, this.axis?.first ?? 0));
    const range: Range = [from, Math.max(from + 1, Math.round(this.cellRange(last)[1]))];
    if (!this.byValue) return { range, values: null };
    const values = this.rowValues(Math.min(a.row, b.row), Math.max(a.row, b.row));
    return { range, values: values[0] === 0 && values[1] === Infinity ? null : values };
  }

  window(): Range | null {
    const view = this.view;
    return view ? [view.from, view.from + view.columns * view.column] : null;
  }

  // What the selection is compared with: the chosen baseline, else the window without the selection.
  against(): { ranges: Range[]; chosen: boolean } {
    if (this.dragging && this.draggingBase) return { ranges: [this.dragging.range], chosen: true };
    if (this.baseline.length) return { ranges: this.baseline, chosen: true };
    const window = this.window();
    const selected = pairs(this.selection.ranges);
    if (!window || !selected.length || !this.axis) return { ranges: [], chosen: false };
    const rest: Range[] = [];
    let from = window[0];
    for (const [a, b] of selected) {
      if (a > from) rest.push([from, Math.min(a, window[1])]);
      from = Math.max(from, b);
    }
    if (from < window[1]) rest.push([from, window[1]]);
    return { ranges: rest.filter(([a, b]) => b > a), chosen: false };
  }

  cell(cell: Cell): number {
    return this.columns.get(cell.t)?.n[cell.row] ?? 0;
  }

  paint(cell: Cell): number {
    return paintOf(this.columns.get(cell.t), cell.row);
  }

  // What a cell's weight must be to have the colour at the end of the scale.
  top(): number {
    if (this.scale === 'cpus' && this.view && this.view.full > 0) return this.view.full;
    return Math.max(1, this.seen);
  }

  level(n: number): number {
    const top = this.top();
    if (this.scale === 'log') return Math.min(1, Math.log1p(n) / Math.log1p(top));
    return Math.min(1, n / top);
  }

  // The bands of CPUs have fewer, higher rows.
  bandLevel(n: number): number {
    const { view, status } = this;
    const cpus = status?.cpus || 1;
    const top = view && view.full > 0 ? (view.full / cpus) * (view.rows / BAND_ROWS) : Math.max(1, (this.seen * view!.rows) / BAND_ROWS);
    return this.scale === 'log' ? Math.log1p(n) / Math.log1p(top) : n / top;
  }

  cellRange(cell: Cell): Range {
    if (this.byValue) return [cell.t, cell.t + this.view!.column];
    const step = this.view!.column / this.view!.rows;
    return [cell.t + cell.row * step, cell.t + (cell.row + 1) * step];
  }

  // The cell worth reading when none is pointed at: the heaviest of the selection, else of all.
  heaviest(): Cell | null {
    const view = this.view;
    if (!view) return null;
    const ranges = pairs(this.selection.ranges);
    const values = this.byValue ? this.values() : [];
    let best: Cell | null = null;
    let most = 0;
    for (const column of this.columns.values())
      column.n.forEach((n, row) => {
        const [from, to] = this.cellRange({ t: column.t, row });
        const middle = (from + to) / 2;
        const least = values.length ? (view.edges![row] ?? 0) : 0;
        if (n > most && (!ranges.length || ranges.some(([a, b]) => middle >= a && middle < b)) &&
            (!values.length || values.some(([low, high]) => least >= low && least <= high))) {
          most = n;
          best = { t: column.t, row };
        }
      });
    return best;
  }
}

export function pairs(flat: number[]): Range[] {
  const list: Range[] = [];
  for (let i = 0; i + 1 < flat.length; i += 2) list.push([flat[i]!, flat[i + 1]!]);
  return list;
}

export function paintOf(column: Column | undefined, row: number): number {
  if (!column?.p) return 0;
  return typeof column.p === 'number' ? column.p : (column.p[row] ?? 0);
}
