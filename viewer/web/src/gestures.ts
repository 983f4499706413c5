// Pointer and keyboard on the heatmap. A drag selects linear time, over column edges too, or, where
// rows are values, a rectangle; two clicks do the same, as in FlameScope; ctrl is the baseline, shift
// adds.
import type { Heat } from './heat';
import type { Cell, Model } from './model';
import type { Area } from './types';

export interface Actions {
  hover(cell: Cell | null): void;
  preview(area: Area | null, baseline: boolean): void;
  select(area: Area, add: boolean): void;
  baseline(area: Area): void;
  pan(columns: number): void;
}

export class Gestures {
  private start: Cell | null = null;
  private moved = false;
  private waiting: Cell | null = null; // the first of two clicks
  private keyed: Cell | null = null; // where Shift and arrows began

  constructor(
    private readonly heat: Heat,
    private readonly model: Model,
    private readonly actions: Actions,
  ) {
    const canvas = heat.canvas;
    canvas.addEventListener('pointerdown', (event) => this.down(event));
    canvas.addEventListener('pointermove', (event) => this.move(event));
    canvas.addEventListener('pointerup', (event) => this.up(event));
    canvas.addEventListener('pointercancel', () => this.cancel());
    canvas.addEventListener('pointerleave', () => !this.start && !this.waiting && actions.hover(null));
    canvas.addEventListener('keydown', (event) => this.key(event));
    canvas.addEventListener('contextmenu', (event) => event.ctrlKey && event.preventDefault());
    canvas.addEventListener('wheel', (event) => this.wheel(event), { passive: false });
  }

  get busy(): boolean {
    return this.start !== null;
  }

  // Esc: true when there was something to give up.
  cancel(): boolean {
    const was = this.start !== null || this.waiting !== null || this.keyed !== null;
    this.start = this.waiting = this.keyed = null;
    this.actions.preview(null, false);
    return was;
  }

  private place(event: PointerEvent): Cell | null {
    return this.heat.at(this.model, event.offsetX, event.offsetY);
  }

  private down(event: PointerEvent): void {
    if (event.button !== 0) return;
    const spike = this.heat.spikeAt(this.model, event.offsetX, event.offsetY);
    if (spike) {
      this.actions.select({ range: spike, values: null }, event.shiftKey);
      return;
    }
    this.start = this.place(event);
    this.moved = false;
    this.heat.canvas.setPointerCapture(event.pointerId);
  }

  private move(event: PointerEvent): void {
    const cell = this.place(event);
    this.actions.hover(this.start || this.heat.inside(event.offsetX, event.offsetY) ? cell : null);
    const from = this.start ?? this.waiting;
    if (!cell || !from) return;
    if (this.start && (cell.t !== from.t || cell.row !== from.row)) this.moved = true;
    if (this.moved || this.waiting) this.actions.preview(this.model.area(from, cell), baselineKey(event));
  }

  private up(event: PointerEvent): void {
    const from = this.start;
    const to = this.place(event);
    this.start = null;
    if (!from || !to) return;
    if (!this.moved && !this.waiting) {
      this.waiting = from; // the second click is the other end
      this.actions.preview(this.model.area(from, from), baselineKey(event));
      return;
    }
    const area = this.model.area(this.waiting && !this.moved ? this.waiting : from, to);
    this.waiting = null;
    this.commit(area, event);
  }

  private commit(area: Area, event: { ctrlKey: boolean; metaKey: boolean; shiftKey: boolean }): void {
    this.actions.preview(null, false);
    if (baselineKey(event)) this.actions.baseline(area);
    else this.actions.select(area, event.shiftKey);
  }

  private wheel(event: WheelEvent): void {
    const by = event.shiftKey ? event.deltaY : event.deltaX;
    if (!by || Math.abs(event.deltaX) < Math.abs(event.deltaY) && !event.shiftKey) return;
    event.preventDefault();
    this.actions.pan(Math.sign(by) * Math.max(1, Math.round(Math.abs(by) / 20)));
  }

  private key(event: KeyboardEvent): void {
    const { view } = this.model;
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1], PageUp: [0, 10], PageDown: [0, -10] }[event.key];
    if (!view) return;
    const at = this.model.cursor ?? this.model.heaviest() ?? { t: view.from, row: 0 };
    if (event.key === 'Enter') {
      event.preventDefault();
      const area = this.model.area(this.keyed ?? at, at);
      this.keyed = null;
      this.commit(area, { ctrlKey: event.ctrlKey, metaKey: event.metaKey, shiftKey: false });
      return;
    }
    if (!step || event.altKey || event.metaKey) return;
    event.preventDefault();
    let { t, row } = at;
    row += step[1]!;
    t += step[0]! * view.column;
    // Time is linear: above the last row is the next column. Above the largest value is none.
    if (this.model.byValue) row = Math.max(0, Math.min(view.rows - 1, row));
    if (row >= view.rows) (row -= view.rows), (t += view.column);
    if (row < 0) (row += view.rows), (t -= view.column);
    const end = view.from + (view.columns - 1) * view.column;
    const next: Cell = { t: Math.max(view.from, Math.min(end, t)), row };
    if (event.shiftKey) this.keyed ??= at;
    this.actions.hover(next);
    if (event.shiftKey && this.keyed) this.actions.preview(this.model.area(this.keyed, next), false);
  }
}

function baselineKey(event: { ctrlKey: boolean; metaKey: boolean }): boolean {
  return event.ctrlKey || event.metaKey;
}
