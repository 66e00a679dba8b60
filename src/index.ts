/**
 * The loader library: read a BPF object, load it, use its typed maps and programs, attach it.
 *
 * @packageDocumentation
 */
export { Btf } from './btf/btf.js'
export type * from './btf/btf.js'
export * as layout from './btf/layout.js'
export type { Field, Layout } from './btf/layout.js'
export type { MapDefinition } from './btf/map-definition.js'
export { VeerError } from './errors.js'
export { Collection, type LoadOptions, type ProgramsOf } from './loader/collection.js'
export { CollectionSpec, type ProgramSpec, type ProgramType } from './loader/collection-spec.js'
export type { Constants } from './loader/constants.js'
export { attachClsact, clsactProgram, detachClsact, removeClsact, type ClsactPlace } from './loader/clsact.js'
export {
  Link,
  attachTcx,
  attachXdp,
  type TcDirection,
  type TcxOptions,
  type XdpAttachment,
  type XdpMode,
  type XdpOptions,
} from './loader/link.js'
export type { MapSpec } from './loader/map-spec.js'
export { PinDirectory, type PinKind } from './loader/pin.js'
export { Program } from './loader/program.js'
export { VerifierError } from './loader/verifier-error.js'
export { BpfMap } from './maps/bpf-map.js'
export { Codec, bytesCodec, u32Codec, u64Codec } from './maps/codec.js'
export {
  mapOfMaps,
  perCpuMap,
  plainMap,
  ringBuffer,
  type MapDescriptor,
  type MapsOf,
  type ObjectDescriptor,
  type ProgramDescriptor,
} from './maps/descriptor.js'
export { MapOfMaps } from './maps/map-of-maps.js'
export { MapType } from './maps/map-type.js'
export { PerCpuMap } from './maps/per-cpu-map.js'
export { RawMap, UpdateFlag } from './maps/raw-map.js'
export { RingBuffer } from './maps/ring-buffer.js'
export { native, type NativeError } from './native.js'
