/** A deed done again and again, each time that long after the one before has ended. Does not keep the process alive. */
export function repeat(everyMs: number, deed: () => Promise<unknown>, onError: (error: unknown) => void): Disposable {
  let timer: NodeJS.Timeout | undefined;
  let isOver = false;
  const wait = () => {
    if (isOver) return;
    timer = setTimeout(() => void deed().catch(onError).finally(wait), everyMs).unref();
  };
  wait();
  return {
    [Symbol.dispose]() {
      isOver = true;
      clearTimeout(timer);
    },
  };
}
