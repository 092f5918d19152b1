export { type ClockDiscipline, readClockDiscipline } from "./read-clock.ts";
