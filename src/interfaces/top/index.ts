/** `bulkhead top`: what it shows and how. Apart from the layer's own index: the processes that run a host need none of it. */
export { type BatchColumn, batchColumns, formatBatchHeader, formatBatchLine } from "./batch.ts";
export { draw, drawTable, headLines, type Screen, type Size } from "./draw.ts";
export { DELAY_S, firstState, parseKeys, press, type TopState } from "./keys.ts";
export { readSample } from "./read-sample.ts";
export type { Figures, TopSample, TopVm } from "./sample.ts";
export { views } from "./views.ts";
