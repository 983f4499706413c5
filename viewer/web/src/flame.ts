// The flame graph of the selection: d3-flame-graph with this page's colours, labels and folding.
import flamegraph from 'd3-flame-graph';
import { select } from 'd3-selection';
import { timerFlush } from 'd3-timer';
import { interrupt } from 'd3-transition';
import { percent, points, weight } from './format';
import { fit } from './labels';
import { framesOf, type Frame } from './paths';
import type { Palette } from './palette';
import { DELTA_MOST, KINDS, type Flame, type FlameNode } from './types';

const CELL = 18;

interface Placed {
  data: Frame;
  x0: number;
  x1: number;
  parent: Placed | null;
  children?: Placed[];
}

// The colour of how much more or less a frame has of its own; names stay readable on it.
export function deltaColour({ token }: Palette, step: number): string {
  const share = (Math.abs(step) / (DELTA_MOST + 2)) * 100;
  return step ? `color-mix(in srgb, ${step > 0 ? token.sel : token.base} ${share.toFixed(1)}%, ${token.comm})` : token.comm;
}

export class FlameGraph {
  private flame: Flame | null = null;
  private chart: ReturnType<typeof flamegraph> | null = null;
  private root: Placed | null = null;
  private width = 0;
  private zoomed = ''; // path
  private restoring = false;
  private opened = new Set<string>();
  private pattern: RegExp | null = null;
  private upright = false;
  private differential = false;
  private pressed = false;
  private late = false; // new data came meanwhile

  constructor(
    private readonly element: HTMLElement,
    private readonly detail: HTMLElement,
    private palette: Palette,
  ) {
    element.addEventListener('pointerdown', () => this.press());
    element.addEventListener('pointerleave', () => this.rest());
    element.addEventListener('keydown', (event) => {
      if (event.key === 'Enter' && event.target instanceof SVGGElement) event.target.dispatchEvent(new MouseEvent('click', { bubbles: true }));
    });
  }

  show(flame: Flame): void {
    this.flame = flame;
    if (this.pressed) this.late = true;
    else this.rebuild();
    this.rest();
  }

  // A click is a press and a release on the same frame: new data wait until it is done.
  private press(): void {
    this.pressed = true;
    const released = () => setTimeout(() => {
      this.pressed = false;
      if (this.late) this.rebuild();
    });
    addEventListener('pointerup', released, { once: true });
    addEventListener('pointercancel', released, { once: true });
  }

  // With no frame under the pointer there is room for what the whole says.
  private rest(): void {
    this.detail.textContent = this.flame?.note ?? '';
  }

  // Whether anything can be said about the baseline.
  get compares(): boolean {
    return this.flame?.base !== undefined && this.flame.note === undefined;
  }

  recolour(palette: Palette): void {
    this.palette = palette;
    this.rebuild();
  }

  resize(): void {
    if (this.element.clientWidth !== this.width) this.rebuild();
  }

  direction(upright: boolean): void {
    this.upright = upright;
    this.rebuild();
  }

  diff(on: boolean): void {
    this.differential = on;
    this.rebuild();
  }

  // One step back: true when there was something to step back from.
  back(): boolean {
    if (!this.zoomed && !this.opened.size) return false;
    if (this.zoomed) this.zoomed = '';
    else this.opened.clear();
    this.rebuild();
    return true;
  }

  // Marks what matches; returns the share of the samples with a matching frame.
  search(pattern: RegExp | null): number {
    this.pattern = pattern;
    this.rebuild();
    const root = this.flame?.root;
    if (!pattern || !root || !root.v) return 0;
    let sum = 0;
    const work = [root];
    for (let node = work.pop(); node; node = work.pop()) {
      if (node !== root && pattern.test(node.n)) sum += node.v;
      else work.push(...(node.c ?? []));
    }
    return sum / root.v;
  }

  private matches(frame: Frame): boolean {
    if (!this.pattern) return false;
    if (frame.folded.length) return frame.folded.some((node) => this.pattern!.test(node.n));
    return frame.path !== '' && this.pattern.test(frame.n);
  }

  private rebuild(): void {
    const flame = this.flame;
    if (!flame) return;
    this.late = false;
    const keep = this.element.scrollTop;
    this.element.replaceChildren();
    this.width = this.element.clientWidth;
    if (!flame.root || !flame.root.v) {
      const empty = document.createElement('p');
      empty.className = 'empty';
      empty.textContent = flame.note ?? '0 samples here';
      this.element.append(empty);
      this.chart = null;
      return;
    }
    this.chart = flamegraph()
      .width(this.width)
      .cellHeight(CELL)
      .inverted(!this.upright)
      .minFrameSize(1)
      .transitionDuration(0)
      .selfValue(false)
      .sort(false)
      .getName((d: Placed) => this.label(d))
      .setLabelHandler((d: Placed) => this.sentence(d.data))
      .setColorMapper((d: Placed) => this.colour(d.data))
      .onHover((d: Placed) => (this.detail.textContent = this.sentence(d.data)))
      .onClick((d: Placed) => this.clicked(d));
    const changes = this.differential && this.compares;
    select(this.element).datum(framesOf(flame.root, this.opened, changes)).call(this.chart as never);
    this.root = select(this.element).datum() as unknown as Placed;
    if (this.zoomed) this.restoreZoom();
    timerFlush(); // labels and places now; left to d3's clock, frames would be drawn, and clicked, before they have them
    this.decorate();
    this.element.scrollTop = this.upright ? this.element.scrollHeight : keep;
  }

  private restoreZoom(): void {
    const work: Placed[] = this.root ? [this.root] : [];
    for (let at = work.pop(); at; at = work.pop()) {
      if (at.data.path === this.zoomed && !at.data.folded.length) {
        this.restoring = true; // d3-flame-graph reports this zoom as a click, too
        this.chart!.zoomTo(at as never);
        this.restoring = false;
        return;
      }
      if (this.zoomed.startsWith(at.data.path)) work.push(...(at.children ?? []));
    }
    this.zoomed = ''; // it is not in the new data
  }

  private clicked(d: Placed): void {
    if (this.restoring) return;
    if (d.data.folded.length) {
      this.opened.add(d.data.path);
      // d3-flame-graph has zoomed into the row by now; a new chart forgets that.
    } else {
      this.zoomed = d.data.path;
    }
    queueMicrotask(() => this.rebuild());
  }

  private frameWidth(d: Placed): number {
    const root = this.root;
    return root ? ((d.x1 - d.x0) / (root.x1 - root.x0)) * this.width : this.width * (d.data.v / this.flame!.root!.v);
  }

  private label(d: Placed): string {
    const room = this.frameWidth(d);
    const font = `11px ${this.palette.font}`;
    if (d.data.folded.length) {
      const n = d.data.folded.length;
      for (const text of [`⋯ ${n} frames, one path`, `⋯ ${n} frames`, `⋯ ${n}`])
        if (fit(text, room - 9, font) === text) return text;
      return '⋯';
    }
    return fit(d.data.n, room - 9 - (room > 150 ? 48 : 0), font);
  }

  private sentence(frame: Frame): string {
    const { totals, base } = this.flame!;
    const node = frame.node;
    const share = percent(node.v / this.flame!.root!.v);
    const parts = [weight(node.v, totals.unit, totals.byValue), share];
    if (node.s) parts.push(`self ${percent(node.s / this.flame!.root!.v)}`);
    if (node.m) parts.push(node.m);
    if (this.flame!.elided) parts.push('in the baseline alone, scaled');
    else if (base && this.compares) parts.push(this.change(node));
    const name = frame.folded.length ? frame.folded.map((n) => n.n).join(' → ') : frame.n;
    return `${name}  ·  ${parts.join(', ')}`;
  }

  // "+3.2 pp against the baseline, +1.0 pp of its own, new", as the shell's pictures say it.
  private change(node: FlameNode): string {
    const { totals, base, root } = this.flame!;
    const there = (base && (totals.byValue ? base.value : base.samples)) || 1;
    const parts = [`${points(node.v / root!.v - (node.b ?? 0) / there)} pp against the baseline`];
    if (node.s || node.bs) parts.push(`${points((node.s ?? 0) / root!.v - (node.bs ?? 0) / there)} pp of its own`);
    if (!node.b) parts.push('new');
    return parts.join(', ');
  }

  private colour(frame: Frame): string {
    const { token } = this.palette;
    if (this.matches(frame)) return token.sel;
    if (frame.folded.length) return token.fill;
    if (this.differential && this.compares) {
      return deltaColour(this.palette, frame.node.d ?? 0);
    }
    return token[frame.node.k === undefined ? 'comm' : KINDS[frame.node.k]!];
  }

  // What d3-flame-graph does not draw: frames at their width at once, shares at the right, marks of matches and folds.
  private decorate(): void {
    const whole = this.flame!.root!.v;
    const { totals } = this.flame!;
    select(this.element).selectAll<SVGGElement, Placed>('g.frame').each((d, i, groups) => {
      const group = groups[i]!;
      const frame = d.data;
      group.classList.toggle('match', this.matches(frame));
      group.classList.toggle('fold', frame.folded.length > 0);
      group.classList.toggle('changed', this.differential && this.compares && !!frame.node.d);
      group.dataset['path'] = frame.path;
      if (frame.node.k === 3) group.classList.add('inlined');
      const room = Number(group.getAttribute('width'));
      const box = group.querySelector('rect')!;
      interrupt(box); // d3-flame-graph lets a new frame grow for 250 ms, whatever transitionDuration says
      box.setAttribute('width', String(room));
      if (room < 150 || frame.folded.length) return;
      const share = document.createElementNS('http://www.w3.org/2000/svg', 'text');
      share.setAttribute('class', 'share');
      share.setAttribute('x', String(room - 7));
      share.setAttribute('y', '13');
      share.textContent = frame.path === '' ? weight(frame.v, totals.unit, totals.byValue) : percent(frame.v / whole);
      group.append(share);
    });
  }
}
