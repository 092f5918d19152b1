/** Promises that are settled elsewhere than where they are made, or too late. */

/** A promise and the two ways to end it. */
export interface Deferred<T> {
  readonly promise: Promise<T>;
  readonly resolve: (value: T) => void;
  readonly reject: (error: Error) => void;
}

export function defer<T>(): Deferred<T> {
  let resolve: (value: T) => void = () => {};
  let reject: (error: Error) => void = () => {};
  const promise = new Promise<T>((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  return { promise, resolve, reject };
}

/** What comes of `outcome` within that time, else `late`: then `outcome` goes on, and whatever comes of it is nobody's. */
export async function within<T, Late>(timeoutMs: number, outcome: Promise<T>, late: Late): Promise<T | Late> {
  const timeout = defer<Late>();
  const timer = setTimeout(() => timeout.resolve(late), timeoutMs);
  try {
    return await Promise.race([outcome, timeout.promise]);
  } finally {
    clearTimeout(timer);
  }
}
