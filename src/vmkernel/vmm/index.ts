export * from "./adopt.ts";
export * from "./check-machine.ts";
export * from "./expected-devices.ts";
export { Monitor, type MonitorEnd } from "./monitor.ts";
export * from "./parse-machine.ts";
export { type MonitorPlan, planMonitor } from "./plan-monitor.ts";
export { QEMU } from "./sandbox-qemu.ts";
export { type MonitorAttachments, startMonitor } from "./start-monitor.ts";
export * from "./vmm-host.ts";
