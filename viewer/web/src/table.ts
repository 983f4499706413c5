// The top table: the flame graph's twin in text.
import { percent, points } from './format';
import { tail } from './labels';
import { KINDS, type Top, type TopRow } from './types';

const FEW = 20; // below this many samples a difference of shares means little

export class TopTable {
  constructor(
    private readonly body: HTMLElement,
    private readonly head: HTMLElement,
    picked: (name: string) => void,
  ) {
    body.addEventListener('click', (event) => {
      const row = (event.target as Element).closest('tr');
      if (row?.title) picked(row.dataset['name'] ?? '');
    });
  }

  show(top: Top, chosen: boolean, rows: number): void {
    const { totals, base } = top;
    const whole = (totals.byValue ? totals.value : totals.samples) || 1;
    const baseWhole = base ? (totals.byValue ? base.value : base.samples) : 0;
    const most = Math.max(1, ...top.rows.map((row) => row.self));
    this.head.textContent = chosen ? 'vs base, pp' : base ? 'vs rest, pp' : '';
    this.head.title = 'self share here minus self share there, in percentage points';
    const few = !base || base.samples < FEW || totals.samples < FEW;
    this.body.replaceChildren(...top.rows.slice(0, rows).map((row) => {
      const line = document.createElement('tr');
      const share = cell(line, percent(row.self / whole));
      share.style.setProperty('--p', String((row.self / most) * 100));
      cell(line, percent(row.total / whole));
      const change = row.self / whole - (baseWhole ? (row.baseSelf ?? 0) / baseWhole : 0);
      const versus = cell(line, baseWhole ? points(change) : '');
      versus.className = few || Math.abs(change) < 0.002 ? 'nil' : change > 0 ? 'up' : 'dn';
      if (few) versus.title = 'too few samples to compare';
      line.append(name(row));
      line.title = [row.n, row.m, place(row)].filter(Boolean).join('\n');
      line.dataset['name'] = row.n;
      return line;
    }));
  }
}

function place(row: TopRow): string {
  return row.f ? `${row.f.split('/').pop()}${row.line ? `:${row.line}` : ''}` : '';
}

function cell(line: HTMLElement, text: string): HTMLElement {
  const td = document.createElement('td');
  td.textContent = text;
  line.append(td);
  return td;
}

function name(row: TopRow): HTMLElement {
  const td = document.createElement('td');
  const kind = document.createElement('i');
  const module = document.createElement('small');
  kind.style.background = `var(--${KINDS[row.k] ?? 'unresolved'})`;
  module.textContent = place(row) || row.m.split('/').pop() || '';
  td.append(kind, row.n.length > 24 ? tail(row.n) : row.n, module);
  return td;
}
