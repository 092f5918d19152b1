export * from "./base-disk.ts";
export * from "./child-disk.ts";
export * from "./descriptor.ts";
export { deflateGrain, inflateGrain } from "./inflate-grain.ts";
export { makeCowd } from "./make-cowd.ts";
export { type ExtentFile, type GrainRange, parseEmbeddedDescriptor, SparseExtent } from "./sparse-extent.ts";
export { parseSparseHeader, SPARSE_HEADER_BYTES_MAX, type SparseFormat, type SparseHeader } from "./sparse-header.ts";
export { StreamDecoder, type StreamedDisk, type StreamedGrain } from "./stream-decoder.ts";
export { STREAM_GRAIN_BYTES, StreamEncoder } from "./stream-encoder.ts";
