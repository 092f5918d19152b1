/** Services that are programs of the machine: looked at, started and stopped by its systemd. */
import { messageOf } from "../../base/index.ts";
import { hasSystemd, readUnits, startUnit, stopUnit } from "../../system/index.ts";
import { fault } from "../../wire/index.ts";
import { planService, SERVICE_KEYS, type ServiceDescription, type ServiceKey, UNITS } from "./plan-services.ts";

/** A program that cannot run here ends well within this. */
const SETTLE_MS = 300;

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

  /** @throws {Fault} HostConfigFault, which says why it cannot be, or that it did not stay up */
  async start(key: ServiceKey): Promise<void> {
    const unit = await this.#do(key, startUnit);
    // systemd calls it started also when a condition of the unit kept it from being, and when it ended at once.
    await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
    const found = (await this.describe()).find((one) => one.key === key);
    if (found?.running !== true)
      throw fault("HostConfigFault", `${unit} was started and does not run: systemctl status ${unit} says why.`, {});
  }

  /** @throws {Fault} HostConfigFault */
  async stop(key: ServiceKey): Promise<void> {
    await this.#do(key, stopUnit);
  }

  /** @returns the unit */
  async #do(key: ServiceKey, deed: (unit: string) => Promise<void>): Promise<string> {
    const found = (await this.describe()).find((one) => one.key === key);
    if (found?.unit === undefined || found.because !== undefined)
      throw fault("HostConfigFault", found?.because ?? `There is no ${key}.`, {});
    await deed(found.unit).catch((cause: unknown) => {
      throw fault("HostConfigFault", messageOf(cause), {}, { cause });
    });
    return found.unit;
  }
}
