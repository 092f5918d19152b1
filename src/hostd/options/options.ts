/** The host's advanced settings as they are set: in the database, and at hand for whoever honours them. */
import type { OptionValue } from "../../wire/index.ts";
import type { Connection } from "../database.ts";
import { type OptionKey, type OptionRow, optionKeys, optionRows, parseOptionKey, parseOptionValue } from "./option-catalogue.ts";

const PREFIX = "option:"; // in the table of settings, apart from the host's own

export class Options {
  readonly #database: Connection;
  readonly #values = new Map<OptionKey, number>();

  constructor(database: Connection) {
    this.#database = database;
    const read = database.prepare("SELECT value FROM setting WHERE key = ?");
    for (const key of optionKeys) {
      const row = read.get(PREFIX + key) as { value: string } | undefined;
      const { min, max, default: otherwise } = optionRows[key];
      const value = row === undefined ? otherwise : Number(row.value);
      this.#values.set(key, value >= min && value <= max ? value : otherwise); // its bounds may have been others when it was set
    }
  }

  get(key: OptionKey): number {
    return this.#values.get(key) ?? optionRows[key].default;
  }

  show(key: OptionKey): OptionValue {
    const value = this.get(key);
    const { isBoolean }: OptionRow = optionRows[key];
    return {
      $type: "OptionValue",
      key,
      value: isBoolean === true ? { anyType: "boolean", value: value === 1 } : { anyType: "int", value },
    };
  }

  /** Sets all of them or none. @throws {Fault} InvalidName, InvalidArgument */
  update(changed: readonly OptionValue[]): void {
    const wanted = changed.map(({ key: name, value }) => {
      const key = parseOptionKey(name);
      return { key, value: parseOptionValue(key, value) };
    });
    const write = this.#database.prepare(
      "INSERT INTO setting (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
    );
    this.#database.transaction(() => {
      for (const { key, value } of wanted) write.run(PREFIX + key, String(value));
    })();
    for (const { key, value } of wanted) this.#values.set(key, value);
  }
}
