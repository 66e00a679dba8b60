/** The checks that keep the generated code, the object file and the kernel from disagreeing silently. */
import type { Layout } from '../btf/layout.js'
import { layoutDifference, struct } from '../btf/layout.js'
import type { MapDefinition } from '../btf/map-definition.js'
import { VeerError } from '../errors.js'
import type { MapDescriptor, ObjectDescriptor } from '../maps/descriptor.js'
import { MapType, mapTypeName } from '../maps/map-type.js'
import type { NativeMapInfo } from '../native.js'
import type { CollectionSpec } from './collection-spec.js'

const BPF_F_RDONLY_PROG = 0x80
const NOTHING = struct('', 0, {})

/**
 * Compares what the code was generated from with the object that is about to be loaded.
 *
 * @throws VeerError `LB_ERR_OBJECT_MISMATCH` naming the first difference.
 */
export function checkDescriptor(spec: CollectionSpec, descriptor: ObjectDescriptor): void {
  const differences = [
    ...Object.values(descriptor.maps).map((map) => mapDifference(map, spec.maps.get(map.name)?.definition)),
    ...Object.values(descriptor.programs).map(({ name, section }) => {
      const actual = spec.programs.get(name)?.section
      if (actual === section) return undefined
      return actual === undefined ? `there is no program ${name}` : `program ${name} is in ${actual}, not ${section}`
    }),
  ]
  const first = differences.find((difference) => difference !== undefined)
  if (first === undefined) return
  const message = `the object ${spec.name} is not what this code was built for: ${first}`
  throw new VeerError('LB_ERR_OBJECT_MISMATCH', message, {
    hint: 'build both again: npm run build:bpf && npm run gen',
  })
}

function mapDifference(expected: MapDescriptor, actual: MapDefinition | undefined): string | undefined {
  const { name } = expected
  if (actual === undefined) return `there is no map ${name}`
  if (actual.type !== expected.type) {
    return `map ${name} is of type ${mapTypeName(actual.type)}, not ${mapTypeName(expected.type)}`
  }
  if (actual.flags !== expected.flags) return `map ${name} has flags ${hex(actual.flags)}, not ${hex(expected.flags)}`
  if (expected.type === MapType.ringbuf) return undefined
  return (
    layoutDifference(expected.key, actual.key ?? bySize(actual.keySize), `${name} key`) ??
    (expected.inner === undefined
      ? layoutDifference(expected.value, actual.value ?? bySize(actual.valueSize), `${name} value`)
      : mapDifference(expected.inner, actual.inner))
  )
}

function bySize(size: number): Layout {
  return size === 0 ? NOTHING : { kind: 'bytes', size }
}

/** What a live map must be like to stand for a declared one. */
export interface ExpectedMap {
  name: string
  type: number
  keySize: number
  valueSize: number
  flags: number
  /** Undefined: any. */
  maxEntries?: number | undefined
}

/** How a live map differs from what is expected, as a half sentence; undefined when it fits. */
export function liveMapDifference(expected: ExpectedMap, actual: NativeMapInfo): string | undefined {
  if (actual.type !== expected.type) {
    return `its type is ${mapTypeName(actual.type)}, expected ${mapTypeName(expected.type)}`
  }
  if (actual.keySize !== expected.keySize) return `its keys have ${actual.keySize} bytes, expected ${expected.keySize}`
  if (actual.valueSize !== expected.valueSize) {
    return `its values have ${actual.valueSize} bytes, expected ${expected.valueSize}`
  }
  if (expected.maxEntries !== undefined && actual.maxEntries !== expected.maxEntries) {
    return `it holds ${actual.maxEntries} elements, expected ${expected.maxEntries}`
  }
  const flags = actual.flags & ~impliedFlags(actual.type)
  const wanted = expected.flags & ~impliedFlags(actual.type)
  return flags === wanted ? undefined : `its flags are ${hex(flags)}, expected ${hex(wanted)}`
}

/** The kernel makes every devmap read-only to programs (kernel/bpf/devmap.c, dev_map_alloc_check). */
function impliedFlags(type: number): number {
  return type === MapType.devmap || type === MapType.devmapHash ? BPF_F_RDONLY_PROG : 0
}

function hex(flags: number): string {
  return `0x${flags.toString(16)}`
}
