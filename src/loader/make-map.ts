/** A map made without its object: with what the kernel needs to know of it, and no BTF. */
import type { MapDefinition } from '../btf/map-definition.js'
import type { NativeMap } from '../native.js'
import { native } from '../native.js'
import type { MapSpec } from './map-spec.js'

/** As much of a map's name as the kernel keeps. */
export function mapNameOf(name: string): string {
  return name.slice(0, 15)
}

export function makeMap({ name, definition, maxEntries }: MapSpec): NativeMap {
  const { inner } = definition
  if (inner === undefined) return make(name, definition, maxEntries)
  const template = make(name, inner, inner.maxEntries)
  try {
    return make(name, definition, maxEntries, template)
  } finally {
    template.close()
  }
}

function make(name: string, definition: MapDefinition, maxEntries: number, innerMap?: NativeMap): NativeMap {
  const { type, keySize, valueSize, flags } = definition
  const options = { name: mapNameOf(name), type, keySize, valueSize, flags, maxEntries }
  return native().createMap(innerMap === undefined ? options : { ...options, innerMap })
}
