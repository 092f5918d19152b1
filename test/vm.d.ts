/** VMs for tests, made through the API as a client makes them. */
import { type VimClient } from "../src/interfaces/index.ts";
import type { MoRef, TaskInfo, VirtualMachineConfigSpec } from "../src/wire/index.ts";
export declare const VM_FOLDER: MoRef<"Folder">;
export declare const ROOT_POOL: MoRef<"ResourcePool">;
/** One property of an object. */
export declare function read(client: VimClient, ref: MoRef, property: string): Promise<unknown>;
/** Waits for a task to end, however it ends. */
export declare function ended(client: VimClient, task: MoRef): Promise<TaskInfo>;
/** Waits for a task to succeed; throws its error's message. @returns its result */
export declare function succeeded(client: VimClient, task: MoRef): Promise<unknown>;
/** A VM that boots from `disk` (non-persistently for nobody: each test gives a disk of its own) and counts on its serial port. */
export declare function bootableSpec(name: string, disk: string): VirtualMachineConfigSpec;
export declare function createVm(client: VimClient, spec: VirtualMachineConfigSpec): Promise<MoRef<"VirtualMachine">>;
/** The highest number that the guest's counter has reached. */
export declare function lastTick(console: string): number;
