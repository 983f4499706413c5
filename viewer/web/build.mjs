// Bundles the page's script into dist/app.js. The result depends on the sources and the locked
// packages only, so that CI can prove that the one checked in is what they give.
import { build } from 'esbuild';

await build({
  entryPoints: ['src/main.ts'],
  outfile: process.argv[2] ?? 'dist/app.js',
  bundle: true,
  minify: true,
  format: 'iife',
  target: 'es2022',
  charset: 'utf8',
  legalComments: 'eof',
  loader: { '.css': 'empty' }, // d3-flame-graph's own: style.css says how frames look
});
