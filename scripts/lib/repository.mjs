import { fileURLToPath } from "node:url";

/** The folder that everything is in. */
export const REPOSITORY = fileURLToPath(new URL("../..", import.meta.url)).replace(/\/$/, "");
