/**
 * A small sans-serif stroke font, drawn for the demo so that it needs no font file. A glyph is its advance width and its strokes:
 * polylines `x,y x,y ...` and elliptic arcs `@cx,cy,rx,ry,from,to` in degrees clockwise from the right. Capitals stand from y = 0 to 8,
 * small letters from 3, descenders reach 10.5.
 */
const GLYPHS: Readonly<Record<string, readonly [number, string]>> = {
  a: [4.6, '@2.3,5.5,2.3,2.5,0,360; 4.6,3 4.6,8'],
  b: [4.6, '0,0 0,8; @2.3,5.5,2.3,2.5,0,360'],
  c: [4.2, '@2.3,5.5,2.3,2.5,-50,-310'],
  d: [4.6, '4.6,0 4.6,8; @2.3,5.5,2.3,2.5,0,360'],
  e: [4.6, '0.1,5.4 4.6,5.4; @2.3,5.5,2.3,2.5,0,-310'],
  f: [3, '@2.6,1.8,1.3,1.8,-60,-180; 1.3,1.8 1.3,8; 0,3 3,3'],
  g: [4.6, '@2.3,5.5,2.3,2.5,0,360; 4.6,3 4.6,8.4; @2.3,8.4,2.3,2.1,0,150'],
  h: [4.4, '0,0 0,8; @2.2,5.2,2.2,2.2,180,360; 4.4,5.2 4.4,8'],
  i: [0, '0,3 0,8; 0,0.6 0,0.8'],
  j: [1.2, '1.2,3 1.2,9; @0,9,1.2,1.5,0,100; 1.2,0.6 1.2,0.8'],
  k: [4.2, '0,0 0,8; 3.9,3 0,6.2; 1.6,5 4.2,8'],
  l: [0, '0,0 0,8'],
  m: [6.8, '0,3 0,8; @1.7,4.9,1.7,1.9,180,360; 3.4,4.9 3.4,8; @5.1,4.9,1.7,1.9,180,360; 6.8,4.9 6.8,8'],
  n: [4.4, '0,3 0,8; @2.2,5.2,2.2,2.2,180,360; 4.4,5.2 4.4,8'],
  o: [4.6, '@2.3,5.5,2.3,2.5,0,360'],
  p: [4.6, '0,3 0,10.5; @2.3,5.5,2.3,2.5,0,360'],
  q: [4.6, '4.6,3 4.6,10.5; @2.3,5.5,2.3,2.5,0,360'],
  r: [2.9, '0,3 0,8; @2.2,5.2,2.2,2.2,180,290'],
  s: [3.7, '@1.85,4.2,1.6,1.2,-25,-270; @1.85,6.7,1.75,1.3,-90,155'],
  t: [3.1, '1.3,0.8 1.3,6.8; @2.6,6.8,1.3,1.2,180,60; 0,3 3,3'],
  u: [4.4, '0,3 0,5.8; @2.2,5.8,2.2,2.2,180,0; 4.4,3 4.4,8'],
  v: [4.2, '0,3 2.1,8 4.2,3'],
  w: [6.6, '0,3 1.65,8 3.3,3.2 4.95,8 6.6,3'],
  x: [4.2, '0,3 4.2,8; 4.2,3 0,8'],
  y: [4.2, '0,3 2.1,8; 4.2,3 1.3,9.9 0.3,10.5'],
  z: [3.9, '0,3 3.9,3 0,8 3.9,8'],
  A: [6, '0,8 3,0 6,8; 1.05,5.2 4.95,5.2'],
  B: [4.8, '0,8 0,0 2.8,0; @2.8,1.9,1.7,1.9,-90,90; 0,3.8 2.8,3.8; @2.8,5.9,2,2.1,-90,90; 2.8,8 0,8'],
  C: [5.6, '@3.2,4,3.2,4,-45,-315'],
  D: [5.6, '0,8 0,0 2,0; @2,4,3.6,4,-90,90; 2,8 0,8'],
  E: [4.4, '4.4,0 0,0 0,8 4.4,8; 0,3.8 3.9,3.8'],
  F: [4.2, '4.2,0 0,0 0,8; 0,3.8 3.7,3.8'],
  G: [6, '@3.2,4,3.2,4,-45,-360; 6.2,4.4 3.8,4.4'],
  H: [5.4, '0,0 0,8; 5.4,0 5.4,8; 0,3.8 5.4,3.8'],
  I: [0, '0,0 0,8'],
  J: [3.2, '3.2,0 3.2,6; @1.6,6,1.6,2,0,160'],
  K: [5.2, '0,0 0,8; 4.9,0 0,5; 1.8,3.2 5.2,8'],
  L: [4, '0,0 0,8 4,8'],
  M: [6.8, '0,8 0,0 3.4,6 6.8,0 6.8,8'],
  N: [5.4, '0,8 0,0 5.4,8 5.4,0'],
  O: [6.6, '@3.3,4,3.3,4,0,360'],
  P: [4.6, '0,8 0,0 2.6,0; @2.6,2.1,2,2.1,-90,90; 2.6,4.2 0,4.2'],
  Q: [6.6, '@3.3,4,3.3,4,0,360; 4.2,5.8 6.6,8.6'],
  R: [4.9, '0,8 0,0 2.6,0; @2.6,2,2,2,-90,90; 2.6,4 0,4; 2.4,4 4.9,8'],
  S: [4.6, '@2.3,2,2.1,2,-30,-270; @2.3,6,2.3,2,-90,150'],
  T: [5.4, '0,0 5.4,0; 2.7,0 2.7,8'],
  U: [5.4, '0,0 0,5.2; @2.7,5.2,2.7,2.8,180,0; 5.4,5.2 5.4,0'],
  V: [5.6, '0,0 2.8,8 5.6,0'],
  W: [8, '0,0 2,8 4,0.3 6,8 8,0'],
  X: [5.2, '0,0 5.2,8; 5.2,0 0,8'],
  Y: [5.2, '0,0 2.6,4 5.2,0; 2.6,4 2.6,8'],
  Z: [5, '0,0 5,0 0,8 5,8'],
  '0': [4.6, '@2.3,4,2.3,4,0,360'],
  '1': [2.2, '0,1.8 2.2,0 2.2,8'],
  '2': [4.4, '@2.2,2.2,2.1,2.2,-170,35; 4,3.5 0,8 4.5,8'],
  '3': [4.4, '@2,1.9,2,1.9,-160,90; @2,5.9,2.3,2.1,-90,155'],
  '4': [4.8, '3.6,8 3.6,0 0,5.6 4.8,5.6'],
  '5': [4.4, '4,0 0.6,0 0.3,3.7; @2,5.4,2.4,2.6,-130,150'],
  '6': [4.6, '@2.3,5.5,2.3,2.5,0,360; 0,5.3 0.6,2.6 3.5,0'],
  '7': [4.5, '0,0 4.5,0 1.6,8'],
  '8': [4.6, '@2.3,1.9,2,1.9,0,360; @2.3,5.9,2.3,2.1,0,360'],
  '9': [4.6, '@2.3,2.5,2.3,2.5,0,360; 4.6,2.7 4,5.4 1.1,8'],
  '.': [0, '0,7.8 0,8'],
  ',': [0.4, '0.4,7.7 0,9.4'],
  ':': [0, '0,4 0,4.2; 0,7.8 0,8'],
  '!': [0, '0,0 0,5.6; 0,7.8 0,8'],
  '?': [3.8, '@1.9,2,1.9,2,-170,60; 2.9,3.7 1.9,4.6 1.9,5.8; 1.9,7.8 1.9,8'],
  '-': [2.6, '0,5 2.6,5'],
  '+': [4.4, '0,4.6 4.4,4.6; 2.2,2.4 2.2,6.8'],
  '=': [4.4, '0,3.6 4.4,3.6; 0,5.8 4.4,5.8'],
  '/': [3, '0,9 3,-0.6'],
  ' ': [2, ''],
};

/** A grey picture, one byte a pixel, 255 is white. */
export interface Picture {
  readonly width: number;
  readonly height: number;
  readonly pixels: Uint8Array;
}

type Segment = readonly [number, number, number, number];

/** Characters the font can draw. */
export const drawable = (text: string): boolean => [...text].every((c) => c in GLYPHS);

/** Draws one line of text in dark strokes on light paper, `height` pixels high. Each pixel's ink is its distance to the nearest stroke. */
export function drawLine(text: string, height = 48): Picture {
  const scale = height / 15;
  const pen = 0.62 * scale;
  const margin = 3 * scale;
  const segments: Segment[] = [];
  let x = margin;
  for (const c of text) {
    const [advance, strokes] = GLYPHS[c] ?? GLYPHS['?'] ?? [0, ''];
    for (const stroke of strokes.split(';').map((s) => s.trim())) {
      if (stroke !== '') segments.push(...outline(stroke, x, 2.8 * scale, scale));
    }
    x += (advance + 2) * scale;
  }
  const width = Math.ceil(x - 2 * scale + margin);
  const ink = new Float32Array(width * height);
  for (const [x0, y0, x1, y1] of segments) {
    const dx = x1 - x0;
    const dy = y1 - y0;
    const length = dx * dx + dy * dy;
    for (
      let py = Math.max(0, Math.floor(Math.min(y0, y1) - pen));
      py <= Math.min(height - 1, Math.max(y0, y1) + pen);
      py++
    ) {
      for (
        let px = Math.max(0, Math.floor(Math.min(x0, x1) - pen));
        px <= Math.min(width - 1, Math.max(x0, x1) + pen);
        px++
      ) {
        const t = length === 0 ? 0 : Math.min(1, Math.max(0, ((px - x0) * dx + (py - y0) * dy) / length));
        const d = Math.hypot(px - x0 - t * dx, py - y0 - t * dy);
        const cover = Math.min(1, Math.max(0, pen - d + 0.5));
        const at = py * width + px;
        if (cover > (ink[at] ?? 0)) ink[at] = cover;
      }
    }
  }
  return { width, height, pixels: Uint8Array.from(ink, (c) => Math.round(246 - 214 * c)) };
}

function outline(stroke: string, left: number, top: number, scale: number): Segment[] {
  let points: [number, number][];
  if (stroke.startsWith('@')) {
    const [cx = 0, cy = 0, rx = 0, ry = 0, from = 0, to = 0] = stroke.slice(1).split(',').map(Number);
    const steps = Math.max(2, Math.ceil(Math.abs(to - from) / 10));
    points = Array.from({ length: steps + 1 }, (_, i) => {
      const a = ((from + ((to - from) * i) / steps) * Math.PI) / 180;
      return [cx + rx * Math.cos(a), cy + ry * Math.sin(a)];
    });
  } else {
    points = stroke.split(' ').map((p) => {
      const [px = 0, py = 0] = p.split(',').map(Number);
      return [px, py];
    });
  }
  const out: Segment[] = [];
  for (let i = 1; i < points.length; i++) {
    const [a, b] = [points[i - 1], points[i]];
    if (a && b) out.push([left + a[0] * scale, top + a[1] * scale, left + b[0] * scale, top + b[1] * scale]);
  }
  return out;
}
