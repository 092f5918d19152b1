/** vim25 values as text in the database: JSON that keeps dates. Pure. */

/** @param value plain data with Dates; what JSON cannot hold otherwise must not be in it */
export function toStored(value: unknown): string {
  return JSON.stringify(value, function (this: Record<string, unknown>, key, item: unknown) {
    const original = this[key]; // JSON.stringify has turned a Date into a string before it asks
    return original instanceof Date ? { $date: original.getTime() } : item;
  });
}

export function fromStored(text: string): unknown {
  return JSON.parse(text, (_, item: unknown) => {
    if (typeof item !== "object" || item === null || !("$date" in item)) return item;
    return new Date(Number(item.$date));
  });
}
