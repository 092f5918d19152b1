/** Services that are programs of the machine: looked at, started and stopped by its systemd. */
import { messageOf } from "../../base/index.ts";
import { hasSystemd, readUnits, startUnit, stopUnit } from "../../system/index.ts";
import { fault } from "../../wire/index.ts";
import { planService, SERVICE_KEYS, type ServiceDescription, type ServiceKey, UNITS } from "./plan-services.ts";

export class MachineServices {
  readonly #isOwnMachine: boolean;

  /** @param isOwnMachine the machine is a host and nothing else */
  constructor(isOwnMachine: boolean) {
    this.#isOwnMachine = isOwnMachine;
  }

  async describe(): Promise<readonly ServiceDescription[]> {
    const units = hasSystemd() ? await readUnits(SERVICE_KEYS.flatMap((key) => UNITS[key])) : undefined;
    return SERVICE_KEYS.map((key) => planService(key, { isOwnMachine: this.#isOwnMachine, units }));
  }

  /** @throws {Fault} HostConfigFault, which says why it cannot be */
  start(key: ServiceKey): Promise<void> {
    return this.#do(key, startUnit);
  }

  /** @throws {Fault} HostConfigFault */
  stop(key: ServiceKey): Promise<void> {
    return this.#do(key, stopUnit);
  }

  async #do(key: ServiceKey, deed: (unit: string) => Promise<void>): Promise<void> {
    const found = (await this.describe()).find((one) => one.key === key);
    if (found?.unit === undefined || found.because !== undefined)
      throw fault("HostConfigFault", found?.because ?? `There is no ${key}.`, {});
    await deed(found.unit).catch((cause: unknown) => {
      throw fault("HostConfigFault", messageOf(cause), {}, { cause });
    });
  }
}
