/**
 * The machine's network adapters under the names that clients know: "vmnic0". A name stays with its adapter for good, also while a
 * switch has it and the machine itself does not see it: so both are kept, with what the machine said of it last.
 */
import type { Machine } from "../../vmkernel/index.ts";
import type { Connection } from "../database.ts";
import type { Adapter } from "./plan-switch.ts";

type NetworkDevice = Machine["nics"][number];

/** An adapter of the machine, with its name for clients. */
export interface PhysicalAdapter extends NetworkDevice {
  readonly device: string;
}

interface KnownAdapter {
  readonly number: number;
  /** As the machine told of it last. */
  readonly nic: NetworkDevice;
}

export class Adapters {
  readonly #database: Connection;
  #known: readonly KnownAdapter[];

  constructor(database: Connection) {
    this.#database = database;
    this.#known = this.#read();
  }

  /** Gives new adapters their names, in the order of their places in the machine, and remembers what the machine says of each. */
  remember(nics: readonly NetworkDevice[]): void {
    const place = ({ controller = "", name }: NetworkDevice): string => `${controller} ${name}`;
    const write = this.#database.prepare(
      `INSERT INTO adapter (name, number, facts) VALUES (?, (SELECT COALESCE(MAX(number) + 1, 0) FROM adapter), ?)
         ON CONFLICT (name) DO UPDATE SET facts = excluded.facts`,
    );
    this.#database.transaction(() => {
      for (const nic of nics.toSorted((one, other) => (place(one) < place(other) ? -1 : 1))) write.run(nic.name, JSON.stringify(nic));
    })();
    this.#known = this.#read();
  }

  /** Those that the machine has, and those that switches have taken. @param taken by their names on the machine */
  list(nics: readonly NetworkDevice[], taken: ReadonlySet<string>): readonly PhysicalAdapter[] {
    return this.#known.flatMap(({ number, nic }) => {
      const found = nics.find(({ name }) => name === nic.name) ?? (taken.has(nic.name) ? nic : undefined);
      return found === undefined ? [] : [{ ...found, device: `vmnic${number}` }];
    });
  }

  #read(): readonly KnownAdapter[] {
    const rows = this.#database.prepare("SELECT number, facts FROM adapter ORDER BY number").all();
    return (rows as { number: number; facts: string }[]).map(({ number, facts }) => ({ number, nic: JSON.parse(facts) as NetworkDevice }));
  }
}

/** Which of them the machine itself is on a network by. Pure. */
export function asUplinks(adapters: readonly PhysicalAdapter[], { defaultGateway }: Pick<Machine, "defaultGateway">): readonly Adapter[] {
  return adapters.map(({ device, name, addresses }) => {
    if (defaultGateway?.device === name) return { device, name, heldBecause: "the machine's default route leads through it" };
    const [address] = addresses;
    return address === undefined ? { device, name } : { device, name, heldBecause: `the machine has the address ${address} by it` };
  });
}
