/** Whether two vim25 values are equal, and copies that nobody can change afterwards. Pure. */

/** Deep equality. A property that is undefined equals one that is absent. */
export function isSameValue(one: unknown, other: unknown): boolean {
  if (Object.is(one, other)) return true;
  if (typeof one !== "object" || typeof other !== "object" || one === null || other === null) return false;
  if (one instanceof Date || other instanceof Date) {
    return one instanceof Date && other instanceof Date && Object.is(one.getTime(), other.getTime());
  }
  if (Array.isArray(one) || Array.isArray(other)) {
    return Array.isArray(one) && Array.isArray(other) && one.length === other.length && one.every((item, i) => isSameValue(item, other[i]));
  }
  if (one instanceof Uint8Array || other instanceof Uint8Array) {
    return one instanceof Uint8Array && other instanceof Uint8Array && Buffer.compare(one, other) === 0;
  }
  const [oneMembers, otherMembers] = [one as Members, other as Members];
  const names = new Set([...Object.keys(one), ...Object.keys(other)]);
  for (const name of names) if (!isSameValue(oneMembers[name], otherMembers[name])) return false;
  return true;
}

type Members = Readonly<Record<string, unknown>>;

/** A copy that stays as it is when whoever gave the value changes it. Texts are shared: nobody can change one. */
export function copyValue<T>(value: T): T {
  return copy(value) as T;
}

function copy(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(copy);
  if (value instanceof Date) return new Date(value);
  if (value instanceof Uint8Array) return new Uint8Array(value);
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, copy(member)]));
}
