export { SERVICE_KEYS, type ServiceDescription, type ServiceKey } from "./plan-services.ts";
export { MachineServices } from "./services.ts";
