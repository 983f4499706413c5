// What the server says. Times are nanoseconds from the axis' start.

export interface Status {
  recording: boolean;
  title: string;
  source: string;
  recordingS: number;
  samplesPerS: number;
  lost: number;
  unresolved: number;
  collectorCpu: number;
  bufferS: number;
  bufferBytes: number;
  bufferFull: boolean;
  cpus: number; // 0: not known
  note: string;
}

export interface Axis {
  first: number;
  last: number;
  edge: number;
  wallMs: number | null;
  utcOffsetS?: number;
}

export interface Selection {
  generation: number;
  ranges: number[]; // from, to, from, to, ...
  values: number[]; // the least and the greatest of each range; empty: all
  filter: string;
}

export interface View {
  from: number;
  column: number;
  columns: number;
  rows: number;
  follow: boolean;
  full: number; // of a cell with every CPU busy; 0: not known
  lost: number;
  event?: string;
  unit?: string;
  byValue?: boolean;
  edges?: number[]; // rows are values: where each begins, and the last one ends; empty: none seen yet
  error: string;
}

export interface Column {
  t: number;
  n: number[]; // up to the last row that is not zero
  p?: number | number[]; // paints of all rows, or of each
}

export interface StreamEvent {
  status: Status;
  axis: Axis | null;
  selection: Selection;
  view: View | null;
  columns?: Column[];
  spikes?: [number, number, number][]; // from, to, score
}

export interface Totals {
  samples: number;
  value: number;
  idle: number;
  noStack: number;
  unresolved: number;
  lost: number;
  byValue: boolean;
  event?: string;
  unit?: string;
  first?: number;
  last?: number;
}

// Frame kinds, in the server's order.
export const KINDS = ['user', 'kernel', 'jit', 'inlined', 'interpreted', 'comm', 'unresolved'] as const;

export const DELTA_MOST = 5;

export interface FlameNode {
  n: string;
  v: number;
  s?: number; // self
  k?: number;
  m?: string;
  b?: number; // in the baseline
  bs?: number; // self in the baseline
  d?: number; // how much more (1..5) or less of its own than there, as the shell's pictures colour it
  c?: FlameNode[];
}

// What an answer rests on, and a sentence where the baseline says nothing.
export interface Basis {
  totals: Totals;
  base?: Totals;
  tooFew: boolean;
  note?: string;
}

export interface Flame extends Basis {
  elided: boolean; // what the baseline alone does, scaled to what is shown
  kinds: number[];
  root: FlameNode | null;
  pruned: number;
}

export interface TopRow {
  n: string;
  k: number;
  m: string;
  f: string;
  line: number;
  self: number;
  total: number;
  baseSelf?: number;
  baseTotal?: number;
  low?: number; // 95 % interval of the difference of the shares
  high?: number;
  moved?: boolean; // by more than chance explains
}

export interface Top extends Basis {
  functions: number;
  rows: TopRow[];
}

export type Range = [from: number, to: number];
// Both ends included; an open one is 0 or Infinity.
export type Values = [least: number, most: number];

// What a gesture marks: a time and, where rows are values, which of them.
export interface Area {
  range: Range;
  values: Values | null;
}

export const enum Paint {
  Lost = 1,
  Pending = 2,
  NotRecording = 4,
  Evicted = 8,
}
