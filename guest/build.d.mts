/** Types of build.mjs, for the TypeScript that calls it. */

/** Where the image is kept unless the caller says otherwise. */
export declare const DEFAULT_OUT: string;

/** Builds the guest's disk image, or finds it again; `built` is false when it was there already. */
export declare function buildGuest(options?: {
  readonly out?: string;
  readonly report?: (line: string) => void;
  /** Of Debian's: for clouds, which is quicker and smaller, or the one that drives real hardware too. */
  readonly kernel?: "cloud" | "usual";
}): {
  readonly image: string;
  readonly built: boolean;
};
