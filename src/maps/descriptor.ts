/**
 * Maps as known when the code was written: what generated.ts is made of, and what a loaded object is compared with.
 */
import type { Layout } from '../btf/layout.js'
import { struct } from '../btf/layout.js'
import type { NativeMap } from '../native.js'
import { BpfMap } from './bpf-map.js'
import type { Codec } from './codec.js'
import type { HasRaw } from './map-of-maps.js'
import { MapOfMaps } from './map-of-maps.js'
import { MapType } from './map-type.js'
import { PerCpuMap } from './per-cpu-map.js'
import { RingBuffer } from './ring-buffer.js'

/** One map: its name and types, and how to put the typed class around a handle. */
export interface MapDescriptor<M extends HasRaw = HasRaw> {
  /** The map's name in the object. */
  name: string
  /** `enum bpf_map_type`. */
  type: number
  /** Size 0 where a map has no keys or values. */
  key: Layout
  value: Layout
  /** `BPF_F_*` of include/uapi/linux/bpf.h. */
  flags: number
  /** Maps of maps: the inner maps. */
  inner?: MapDescriptor
  open(handle: NativeMap): M
}

/** One program: its function's name and its ELF section, which is its type. */
export interface ProgramDescriptor {
  name: string
  section: string
}

/** One object file: its maps and programs by the names that TypeScript code uses for them. */
export interface ObjectDescriptor {
  name: string
  maps: Record<string, MapDescriptor>
  programs: Record<string, ProgramDescriptor>
}

/** The typed maps of an object. */
export type MapsOf<D extends ObjectDescriptor> = {
  readonly [Name in keyof D['maps']]: D['maps'][Name] extends MapDescriptor<infer M> ? M : never
}

type Base = Pick<MapDescriptor, 'name' | 'type' | 'flags'>

/** A map of values: hashes, arrays, tries, devmaps. */
export function plainMap<K, V>(base: Base, key: Codec<K>, value: Codec<V>): MapDescriptor<BpfMap<K, V>> {
  return { ...base, key: key.layout, value: value.layout, open: (handle) => new BpfMap(handle, key, value) }
}

/** A map of values per CPU. */
export function perCpuMap<K, V>(base: Base, key: Codec<K>, value: Codec<V>): MapDescriptor<PerCpuMap<K, V>> {
  return { ...base, key: key.layout, value: value.layout, open: (handle) => new PerCpuMap(handle, key, value) }
}

/** A map of maps. */
export function mapOfMaps<K, M extends HasRaw>(
  base: Base,
  key: Codec<K>,
  value: Codec<number>,
  inner: MapDescriptor<M>,
): MapDescriptor<MapOfMaps<K, M>> {
  return { ...base, key: key.layout, value: value.layout, inner, open: (handle) => new MapOfMaps(handle, key, inner) }
}

/** A ring buffer of records of one type. */
export function ringBuffer<T>(name: string, record: Codec<T>): MapDescriptor<RingBuffer<T>> {
  const base = { name, type: MapType.ringbuf, flags: 0 }
  const nothing = struct('', 0, {})
  return { ...base, key: nothing, value: nothing, open: (handle) => new RingBuffer(handle, record) }
}
