// Names of functions in little room: shortened from the front at "::", then from the end.

const context = document.createElement('canvas').getContext('2d')!;
const widths = new Map<string, number>();

function width(text: string, font: string): number {
  const key = font + text;
  let known = widths.get(key);
  if (known === undefined) {
    if (widths.size > 20000) widths.clear();
    context.font = font;
    known = context.measureText(text).width;
    widths.set(key, known);
  }
  return known;
}

// Without template arguments, the last two parts of the qualified name.
export function tail(name: string): string {
  let depth = 0;
  let plain = '';
  for (const c of name) {
    if (c === '<') depth++;
    if (depth === 0) plain += c;
    if (c === '>' && depth > 0) depth--;
  }
  const parts = (plain || name).split('::');
  return parts.length > 2 ? `…${parts.slice(-2).join('::')}` : plain || name;
}

export function fit(name: string, room: number, font: string): string {
  if (width(name, font) <= room) return name;
  let short = name;
  if (name.includes('::')) {
    short = tail(name);
    if (width(short, font) <= room) return short;
    const last = short.split('::').pop()!;
    if (last.length > 2) short = `…${last}`;
    if (width(short, font) <= room) return short;
  }
  let low = 0;
  let high = short.length;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (width(`${short.slice(0, middle)}…`, font) <= room) low = middle;
    else high = middle - 1;
  }
  return low > 1 ? `${short.slice(0, low)}…` : '';
}
