// A chain of frames of one width says one thing: it is folded into one row until it is asked for.
import type { FlameNode } from './types';

export interface Frame {
  n: string;
  v: number;
  node: FlameNode;
  path: string; // from the root, so that a zoom survives new data
  folded: FlameNode[]; // what this row stands for; empty: itself
  c: Frame[];
}

const SHORTEST = 4;
const SAME = 0.002; // of the whole: a pixel or two

// The frames below `node` that have its width, the last of them being where the chain ends.
function chain(node: FlameNode, whole: number, changes: boolean): FlameNode[] {
  const list: FlameNode[] = [];
  for (let at = node; at.c?.length; ) {
    const widest = at.c.reduce((a, b) => (b.v > a.v ? b : a));
    if (at.c.length > 1 || at.v - widest.v > whole * SAME || (changes && widest.d)) break;
    list.push(widest);
    at = widest;
  }
  return list;
}

// `changes`: frames that have a colour of their own, by what they gained or lost, stay apart.
export function framesOf(root: FlameNode, open: Set<string>, changes: boolean): Frame {
  const whole = root.v;
  const top: Frame = { n: root.n, v: root.v, node: root, path: '', folded: [], c: [] };
  const work: { node: FlameNode; frame: Frame; fold: boolean }[] = [{ node: root, frame: top, fold: false }];
  for (let item = work.pop(); item; item = work.pop()) {
    const { node, frame, fold } = item;
    const next = fold ? chain(node, whole, changes) : [];
    const last = next[next.length - 1];
    if (last && next.length >= SHORTEST && !open.has(frame.path)) {
      const hidden = next.slice(0, -1);
      const row: Frame = { n: '', v: hidden[0]!.v, node: hidden[0]!, path: frame.path, folded: hidden, c: [] };
      const path = frame.path + hidden.map((h) => `\n${h.n}`).join('');
      const end: Frame = { n: last.n, v: last.v, node: last, path: `${path}\n${last.n}`, folded: [], c: [] };
      row.c.push(end);
      frame.c.push(row);
      work.push({ node: last, frame: end, fold: true });
      continue;
    }
    for (const child of [...(node.c ?? [])].sort((a, b) => b.v - a.v)) {
      const into: Frame = { n: child.n, v: child.v, node: child, path: `${frame.path}\n${child.n}`, folded: [], c: [] };
      frame.c.push(into);
      // An opened chain stays open as a whole.
      if (open.has(frame.path) && next.length) open.add(into.path);
      work.push({ node: child, frame: into, fold: true });
    }
  }
  return top;
}
