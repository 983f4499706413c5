// Numbers, times and ranges as people read them, and as the shell reads them back.
import type { Axis, Range, Values } from './types';

const SECOND = 1e9;

export function count(n: number): string {
  return Math.round(n).toString().replace(/\B(?=(\d{3})+$)/g, '\u202f');
}

export function percent(share: number, digits = 1): string {
  return `${(share * 100).toFixed(share >= 0.9995 ? 0 : digits)} %`;
}

export function points(share: number): string {
  const text = (Math.abs(share) * 100).toFixed(1);
  return (text === '0.0' ? '' : share < 0 ? '\u2212' : '+') + text;
}

export function bytes(n: number): string {
  if (n >= 1e9) return `${(n / 1e9).toFixed(1)} GB`;
  if (n >= 1e6) return `${(n / 1e6).toFixed(0)} MB`;
  return `${Math.ceil(n / 1e3)} kB`;
}

// "1:36", "2:05:09"
export function elapsed(seconds: number): string {
  const s = Math.max(0, Math.floor(seconds));
  const two = (n: number) => String(n).padStart(2, '0');
  const hours = Math.floor(s / 3600);
  const minutes = Math.floor(s / 60) % 60;
  return hours ? `${hours}:${two(minutes)}:${two(s % 60)}` : `${minutes}:${two(s % 60)}`;
}

function trimmed(n: number, digits: number): string {
  return digits ? n.toFixed(digits).replace(/\.?0+$/, '') : n.toFixed(0);
}

// A length of time: "380 ms", "3 s", "2 min".
export function duration(ns: number): string {
  if (ns < 1e3) return `${Math.round(ns)} ns`;
  if (ns < 1e6) return `${trimmed(ns / 1e3, 1)} µs`;
  if (ns < SECOND) return `${trimmed(ns / 1e6, 2)} ms`;
  if (ns % (3600 * SECOND) === 0) return `${ns / SECOND / 3600} h`;
  if (ns % (60 * SECOND) === 0) return `${ns / SECOND / 60} min`;
  return `${trimmed(ns / SECOND, 3)} s`;
}

// A value on an axis: short.
export function valueText(n: number, unit: string | undefined): string {
  if (unit === 'ns') return duration(n);
  const steps: [number, string][] = [[1e12, 'T'], [1e9, 'G'], [1e6, 'M'], [1e3, 'k']];
  const step = steps.find(([size]) => n >= size);
  const number = trimmed(n / (step?.[0] ?? 1), 2);
  return unit === 'bytes' ? `${number} ${step?.[1] ?? ''}B` : `${number}${step?.[1] ?? ''}`;
}

// "10 ms – 19.95 ms", "from 10 ms", "up to 19.95 ms"
export function valuesText(list: Values[], unit: string | undefined): string {
  return list.map(([least, most]) =>
    most === Infinity ? `from ${valueText(least, unit)}`
      : least === 0 ? `up to ${valueText(most, unit)}` : `${valueText(least, unit)} – ${valueText(most, unit)}`).join(', ');
}

// A number of nanoseconds that the shell reads back as itself.
function exactDuration(ns: number): string {
  const steps: [number, string, number][] = [[SECOND, 's', 9], [1e6, 'ms', 6], [1e3, 'us', 3]];
  const step = steps.find(([size]) => ns >= size);
  return step ? `${trimmed(ns / step[0], step[2])}${step[1]}` : String(ns);
}

// Ranges of values as the shell's filter has them: "10ms..19.95ms"; "all" for none.
export function valueWords(list: Values[], unit: string | undefined): string[] {
  const number = (n: number) => (unit === 'ns' ? exactDuration(n) : String(n));
  return list.map(([least, most]) => `${least === 0 ? '' : number(least)}..${most === Infinity ? '' : number(most)}`);
}

// A weight in the event's unit.
export function weight(n: number, unit: string | undefined, byValue: boolean | undefined): string {
  if (!byValue) return `${count(n)} sample${n === 1 ? '' : 's'}`;
  if (unit === 'ns') return duration(n);
  if (unit === 'bytes') return bytes(n);
  return `${count(n)} ${unit ?? ''}`;
}

// Time of day on the recorded host; relative seconds where no wall clock is known. The browser may
// be in another zone: the shell speaks the host's.
export function clock(axis: Axis, ns: number, digits: number, utc = false): string {
  if (axis.wallMs === null) return `${(ns / SECOND).toFixed(digits)} s`;
  const unit = 10 ** (9 - digits);
  const day = 86400 * SECOND;
  const startInDay = ((axis.wallMs % 86400000) + (utc ? 0 : (axis.utcOffsetS ?? 0) * 1000)) * 1e6;
  const inDay = (((Math.round((startInDay + ns) / unit) * unit) % day) + day) % day;
  const seconds = Math.floor(inDay / SECOND);
  const two = (n: number) => String(n).padStart(2, '0');
  const fraction = digits ? '.' + String(Math.round((inDay % SECOND) / unit)).padStart(digits, '0') : '';
  return `${two(Math.floor(seconds / 3600))}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}${fraction}`;
}

export function date(axis: Axis, ns: number, utc = false): string {
  if (axis.wallMs === null) return '';
  return new Date(axis.wallMs + (utc ? 0 : (axis.utcOffsetS ?? 0) * 1000) + ns / 1e6).toISOString().slice(0, 10);
}

// Digits behind the second that a step needs.
export function digitsFor(stepNs: number): number {
  let digits = 0;
  for (let step = stepNs; digits < 6 && step % SECOND !== 0; digits++) step *= 10;
  return digits;
}

function exact(seconds: string): string {
  return seconds.includes('.') ? seconds.replace(/0+$/, '').replace(/\.$/, '') : seconds;
}

function shortDuration(ns: number): string {
  if (ns % 1e6 !== 0) return `${trimmed(ns / 1e6, 6)}ms`;
  return ns >= SECOND && ns % 1e7 === 0 ? `${trimmed(ns / SECOND, 2)}s` : `${ns / 1e6}ms`;
}

// One range as a word of the shell's slice command: "13:08:44.86+380ms".
export function rangeWord(axis: Axis, range: Range): string {
  const [from, to] = range;
  // In a recording of more than half a day a time of day may mean two moments.
  const relative = axis.wallMs === null || axis.edge - axis.first > 43200 * SECOND;
  const start = relative ? exact((from / SECOND).toFixed(9)) : exact(clock(axis, from, 6));
  return `${start}+${shortDuration(to - from)}`;
}

export function rangeWords(axis: Axis, ranges: Range[]): string {
  return ranges.map((range) => rangeWord(axis, range)).join(',');
}

// The same with room around the plus, for reading.
export function rangeText(axis: Axis, ranges: Range[]): string {
  return ranges
    .map((range) => {
      const digits = Math.max(2, digitsFor(range[0]));
      return `${clock(axis, range[0], Math.min(digits, 6))} + ${duration(range[1] - range[0])}`;
    })
    .join(', ');
}

// What somebody typed into the range, as words of the slice command.
export function typedWords(text: string): string {
  return text
    .replace(/[\u00a0\u202f]/g, ' ')
    .replace(/\s*\+\s*/g, '+')
    .replace(/(\d)\s+(ns|us|µs|ms|s|min|m|h)\b/g, '$1$2')
    .replace(/µs/g, 'us')
    .trim();
}
