// The colours of the moment: tokens from the style sheet, ramps made of their stops.
import { KINDS } from './types';

type Rgb = [number, number, number];

const NAMES = [
  'bg', 'ink', 'ink2', 'ink3', 'line', 'fill', 'hover', 'sel', 'sel-soft', 'base', 'base-soft',
  'bad', 'zero', 'hatch', 'bars', 'bar2', ...KINDS,
] as const;
type Token = (typeof NAMES)[number];

export interface Palette {
  token: Record<Token, string>;
  font: string;
  mono: string;
  zero: number; // as a pixel
  ramp: Uint32Array; // 256 pixels, little endian RGBA, from least to most
  css(level: number): string; // the ramp at 0..1
  // Search: the cell's level and the share of it that matches.
  mix(level: number, share: number): number;
}

function stops(text: string): Rgb[] {
  return text.split(',').map((hex) => [1, 3, 5].map((at) => parseInt(hex.trim().substring(at, at + 2), 16)) as Rgb);
}

function blend(list: Rgb[], at: number): Rgb {
  const x = Math.max(0, Math.min(1, at)) * (list.length - 1);
  const i = Math.min(list.length - 2, Math.floor(x));
  const low = list[i]!;
  const high = list[i + 1]!;
  return low.map((v, j) => Math.round(v + (high[j]! - v) * (x - i))) as Rgb;
}

function pixel([r, g, b]: Rgb): number {
  return ((255 << 24) | (b << 16) | (g << 8) | r) >>> 0;
}

export function readPalette(scale: string): Palette {
  const style = getComputedStyle(document.documentElement);
  const value = (name: string) => style.getPropertyValue(`--${name}`).trim();
  const token = Object.fromEntries(NAMES.map((name) => [name, value(name)])) as Record<Token, string>;
  const list = stops(value(scale));
  const miss = stops(value('miss'));
  const hit = stops(value('hit'));
  return {
    token,
    font: value('font'),
    mono: value('mono'),
    zero: pixel(stops(token.zero)[0]!),
    ramp: Uint32Array.from({ length: 256 }, (_, i) => pixel(blend(list, i / 255))),
    css: (level) => `rgb(${blend(list, level).join(' ')})`,
    mix: (level, share) => {
      const grey = blend(miss, level);
      const orange = blend(hit, level);
      return pixel(grey.map((v, i) => Math.round(v + (orange[i]! - v) * share)) as Rgb);
    },
  };
}
