/** What a guest's own agent tells of it, and what runs in it for clients. Types only. */

/** What the guest agent said last. */
export type GuestState =
  | { readonly tools: "notRunning" }
  | {
      readonly tools: "running";
      readonly hostName?: string;
      readonly osName?: string;
      /** As os-release(5) has it; "mswindows" for Windows. */
      readonly osId?: string;
      /** Whether the agent is allowed to run programs for clients. */
      readonly runsPrograms: boolean;
      readonly disks: readonly GuestDisk[];
      readonly nics: readonly GuestNic[];
      /** Absent where it can't be asked. */
      readonly network?: GuestNetwork;
    };

/** An interface in the guest, which need not be an adapter of its VM. */
export interface GuestNic {
  /** Lower case, colon-separated. */
  readonly mac: string;
  readonly addresses: readonly GuestAddress[];
}

export interface GuestAddress {
  readonly address: string;
  /** 0–32, or 0–128. */
  readonly prefixLength: number;
}

export interface GuestNetwork {
  readonly routes: readonly GuestRoute[];
  readonly nameServers: readonly string[];
  readonly searchDomains: readonly string[];
}

export interface GuestRoute {
  readonly network: string;
  readonly prefixLength: number;
  /** Absent where what it leads to is on the link. */
  readonly gateway?: string;
}

/** A file system in the guest. */
export interface GuestDisk {
  readonly path: string;
  readonly type: string;
  readonly capacityBytes: number;
  readonly freeBytes: number;
}

export interface GuestRun {
  readonly exitCode: number;
  /** What it wrote to its standard output, base64. */
  readonly output: string;
}

export type GuestStart =
  | { readonly kind: "started"; readonly pid: number }
  /** A word of the script's. */
  | { readonly kind: "failed"; readonly because: string };

/** Times are the guest's. */
export interface GuestProgram {
  readonly pid: number;
  readonly user: string;
  readonly commandLine: string;
  readonly startedAtMs: number;
  readonly end?: { readonly atMs: number; readonly exitCode: number };
}
