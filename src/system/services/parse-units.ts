/** What `systemctl show` prints of units: a paragraph of KEY=VALUE lines for each. Pure. Source: systemctl(1), org.freedesktop.systemd1(5). */
export interface UnitState {
  readonly name: string;
  /** There is such a unit, and nobody has masked it. */
  readonly isLoaded: boolean;
  readonly isActive: boolean;
}

/** @param names those that were asked for: an alias is shown by the name that it stands for */
export function parseUnits(text: string, names: readonly string[]): readonly UnitState[] {
  const paragraphs = text.trim().split(/\n\n+/);
  return names.map((name, index) => {
    const lines = (paragraphs[index] ?? "").split("\n");
    const read = (key: string) => lines.find((line) => line.startsWith(`${key}=`))?.slice(key.length + 1);
    // While it is reloaded it runs; while it starts or stops it does not yet, or no more.
    return { name, isLoaded: read("LoadState") === "loaded", isActive: ["active", "reloading"].includes(read("ActiveState") ?? "") };
  });
}
