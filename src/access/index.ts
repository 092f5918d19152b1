export * from "./accounts.ts";
export * from "./audit.ts";
export * from "./lockdown.ts";
export * from "./password.ts";
export * from "./password-quality.ts";
export * from "./permissions.ts";
export * from "./roles.ts";
