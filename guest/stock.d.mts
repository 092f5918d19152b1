/** Types of stock.mjs, for the TypeScript that calls it. */

/** Builds the image of a guest with Debian's stock kernel whose first program goes on with `script` (busybox sh), or finds it again. */
export declare function buildStockGuest(options: { readonly script: string; readonly out?: string }): { readonly image: string };
