// The top table: the flame graph's twin in text.
import { percent, points } from './format';
import { tail } from './labels';
import { KINDS, type Top, type TopRow } from './types';

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

  // The difference is of what the table is ordered by.
  show(top: Top, chosen: boolean, order: 'self' | 'total', rows: number): void {
    const { totals, base } = top;
    const whole = (totals.byValue ? totals.value : totals.samples) || 1;
    const baseWhole = base ? (totals.byValue ? base.value : base.samples) : 0;
    const most = Math.max(1, ...top.rows.map((row) => row.self));
    this.head.textContent = chosen ? 'vs base, pp' : base ? 'vs rest, pp' : '';
    this.head.title = top.note ?? `${order} share here minus ${order} share there, in percentage points`;
    this.body.replaceChildren(...top.rows.slice(0, rows).map((row) => {
      const line = document.createElement('tr');
      const share = cell(line, percent(row.self / whole));
      share.style.setProperty('--p', String((row.self / most) * 100));
      cell(line, percent(row.total / whole));
      const there = (order === 'self' ? row.baseSelf : row.baseTotal) ?? 0;
      const change = row[order] / whole - (baseWhole ? there / baseWhole : 0);
      const versus = cell(line, baseWhole ? points(change) : '');
      versus.className = !row.moved ? 'nil' : change > 0 ? 'up' : 'dn';
      if (row.low !== undefined && row.high !== undefined)
        versus.title = top.tooFew ? 'too few samples to compare'
          : `${points(row.low)} to ${points(row.high)} pp (95 %)${row.moved ? '' : ': no more than chance explains'}`;
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
