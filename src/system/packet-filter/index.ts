export { countAtEnd, deleteTable, type FilterPlace, listTable, loadRules, tryPacketFilter } from "./nft.ts";
