// The part of d3-flame-graph 5 that is used here; the package brings no types.
declare module 'd3-flame-graph' {
  interface Chart {
    (selection: unknown): Chart;
    width(pixels: number): Chart;
    cellHeight(pixels: number): Chart;
    inverted(on: boolean): Chart;
    minFrameSize(pixels: number): Chart;
    transitionDuration(ms: number): Chart;
    selfValue(on: boolean): Chart;
    sort(on: boolean): Chart;
    getName(name: (d: never) => string): Chart;
    setLabelHandler(label: (d: never) => string): Chart;
    setColorMapper(colour: (d: never, original: string) => string): Chart;
    onHover(hover: (d: never) => void): Chart;
    onClick(click: (d: never) => void): Chart;
    zoomTo(d: never): void;
  }
  export default function flamegraph(): Chart;
}
