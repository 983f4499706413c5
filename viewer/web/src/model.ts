// What the page knows: the newest status, the window of the heatmap, what is selected.
import type { Axis, Column, Range, Selection, Status, StreamEvent, View } from './types';

export const BAND_ROWS = 10;

export type Scale = 'cpus' | 'seen' | 'log';

export interface Cell {
  t: number; // start of its column
  row: number;
}

export class Model {
  status: Status | null = null;
  axis: Axis | null = null;
  selection: Selection = { generation: 0, ranges: [], filter: '' };
  view: View | null = null;
  columns = new Map<number, Column>(); // by start
  spikes: [number, number, number][] = [];
  matches: Map<number, Column> | null = null; // of the search
  bands: Map<number, Column>[] = []; // of each CPU, when there are few
  baseline: Range[] = []; // chosen by hand; empty: the rest of the window
  dragging: Range | null = null; // not selected yet
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
    if (event.spikes) this.spikes = event.spikes;
    if (!view || !before || view.column !== before.column || view.rows !== before.rows ||
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
    if (this.dragging && !this.draggingBase) return [this.dragging];
    return pairs(this.selection.ranges);
  }

  window(): Range | null {
    const view = this.view;
    return view ? [view.from, view.from + view.columns * view.column] : null;
  }

  // What the selection is compared with: the chosen baseline, else the window without the selection.
  against(): { ranges: Range[]; chosen: boolean } {
    if (this.dragging && this.draggingBase) return { ranges: [this.dragging], chosen: true };
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
    const step = this.view!.column / this.view!.rows;
    return [cell.t + cell.row * step, cell.t + (cell.row + 1) * step];
  }

  // The cell worth reading when none is pointed at: the heaviest of the selection, else of all.
  heaviest(): Cell | null {
    const view = this.view;
    if (!view) return null;
    const ranges = pairs(this.selection.ranges);
    const step = view.column / view.rows;
    let best: Cell | null = null;
    let most = 0;
    for (const column of this.columns.values())
      column.n.forEach((n, row) => {
        const middle = column.t + (row + 0.5) * step;
        if (n > most && (!ranges.length || ranges.some(([a, b]) => middle >= a && middle < b))) {
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
