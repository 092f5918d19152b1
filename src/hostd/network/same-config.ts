/** Whether a client says again what it was shown. Pure. */

/** As JSON, without what a client's library adds or leaves out: types, fields that are not set, lists without anything. */
export function isSame(one: unknown, other: unknown): boolean {
  const plain = (value: unknown): string =>
    JSON.stringify(value, (key, item: unknown) => {
      if (key === "$type" || (Array.isArray(item) && item.length === 0)) return undefined;
      if (typeof item !== "object" || item === null || Array.isArray(item)) return item;
      return Object.fromEntries(Object.entries(item).toSorted(([a], [b]) => (a < b ? -1 : 1)));
    }) ?? "";
  return plain(one) === plain(other);
}
