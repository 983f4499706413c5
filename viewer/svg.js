// Zoom, search and details of a flicker flame graph. Without a script the picture is complete.
(() => {
'use strict';
const svg = document.documentElement;
const CHARACTER = 6.62, PADDING = 4, GAP = 0.5; // px; of the 11 px monospace names, between frames
const frames = Array.from(svg.querySelectorAll('g.frame'), (group) => {
  const rect = group.querySelector('rect'), title = group.querySelector('title').textContent;
  return {
    group, rect, title, text: group.querySelector('text'), name: title.split('\n')[0],
    left: Number(group.dataset.left), total: Number(group.dataset.total), y: Number(rect.getAttribute('y')),
  };
}).sort((a, b) => a.left - b.left || a.y - b.y);
const root = frames[0], x0 = Number(root.rect.getAttribute('x')), width = Number(root.rect.getAttribute('width')) + GAP;
const details = svg.querySelector('.details'), hint = details.textContent;
const reset = svg.querySelector('.reset'), search = svg.querySelector('input');
let zoomed = root;

// As text_append_short() in text.c: from the front at "::", then from the end.
function shorten(name, cells) {
  if (name.length <= cells) return name;
  if (cells < 3) return '';
  const dots = cells >= 6 && name.includes('::') ? '..' : '';
  let tail = name, depth = 0;
  for (let at = name.length - 1; at > 0; at--) {
    if (name[at] === '>' || name[at] === ')') depth++;
    if (name[at] === '<' || name[at] === '(') depth--;
    if (depth || name[at] !== ':' || name[at - 1] !== ':' || at === name.length - 1) continue;
    if (tail !== name && dots.length + name.length - at - 1 > cells) break;
    tail = name.slice(at + 1);
  }
  if (tail === name) return name.slice(0, cells - 1) + '~';
  const left = cells - dots.length;
  return dots + (tail.length <= left ? tail : tail.slice(0, left - 1) + '~');
}

function place(frame, left, size) {
  frame.rect.setAttribute('x', left);
  frame.rect.setAttribute('width', Math.max(size - GAP, 0.1));
  frame.text.setAttribute('x', left + PADDING);
  frame.text.textContent = shorten(frame.name, Math.floor((size - 2 * PADDING) / CHARACTER));
}

function zoom(to) {
  zoomed = to;
  const end = to.left + to.total;
  for (const frame of frames) {
    const above = frame.y < to.y && frame.left <= to.left && frame.left + frame.total >= end;
    const inside = frame.y >= to.y && frame.left >= to.left && frame.left + frame.total <= end;
    frame.group.classList.toggle('above', above);
    frame.group.classList.toggle('hidden', !above && !inside);
    if (above) place(frame, x0, width);
    else if (inside) place(frame, x0 + ((frame.left - to.left) / to.total) * width, (frame.total / to.total) * width);
  }
  reset.classList.toggle('hidden', to === root);
}

function matcher(query) {
  try {
    const regex = new RegExp(query, 'i');
    return (name) => regex.test(name);
  } catch {
    return (name) => name.toLowerCase().includes(query.toLowerCase());
  }
}

function find() {
  const query = search.value, matches = query ? matcher(query) : () => false;
  let matched = 0, count = 0, counted_to = -1; // a match inside a match counts once
  for (const frame of frames) {
    const match = matches(frame.name);
    frame.group.classList.toggle('match', match);
    if (!match) continue;
    count++;
    if (frame.left < counted_to) continue;
    matched += frame.total;
    counted_to = frame.left + frame.total;
  }
  details.textContent = query
    ? `${count} ${count === 1 ? 'frame' : 'frames'} match, ${((matched / root.total) * 100).toFixed(1)} % of all`
    : hint;
}

function frame_at(event) {
  const group = event.target.closest ? event.target.closest('g.frame') : null;
  return group && frames.find((frame) => frame.group === group);
}

svg.addEventListener('click', (event) => {
  const frame = frame_at(event);
  if (frame) zoom(frame);
});
svg.addEventListener('mouseover', (event) => {
  const frame = frame_at(event);
  if (frame) details.textContent = frame.title.split('\n').join(' · ');
});
svg.addEventListener('mouseout', find);
reset.addEventListener('click', () => zoom(root));
search.addEventListener('input', find);
window.addEventListener('keydown', (event) => {
  if (event.key === 'Escape') {
    if (search.value) {
      search.value = '';
      find();
    } else {
      zoom(root);
    }
  } else if ((event.key === '/' || (event.key === 'f' && event.ctrlKey)) && event.target !== search) {
    event.preventDefault();
    search.focus();
  }
});
svg.classList.add('scripted');
})();
