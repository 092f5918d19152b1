export { attachCls, type ClsPlace, clsProgramId, detachCls, removeClsact } from "./cls.ts";
export { type LinkInfo, linkInfo, type MapInfo, mapFdById, mapInfo, type ProgramInfo, programFdById, programInfo } from "./info.ts";
export { attachTcx, detachLink, hasTcx, type TcxPlace, updateLink } from "./links.ts";
export type { MapKind } from "./map-kinds.ts";
export { createMap, type MapSpec, mapDelete, mapKeys, mapLookup, mapUpdate, percpuBytes, possibleCpus } from "./maps.ts";
export { isBpffs, mountBpffs, openPinned, pinObject, unmountBpffs } from "./pins.ts";
export { loadProgram, type ProgramKind, type ProgramSpec, VerifierRefused } from "./programs.ts";
export type { TcxDirection } from "./tcx-directions.ts";
export { type TestRun, type TestRunResult, testRun } from "./test-run.ts";
