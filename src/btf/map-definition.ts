/**
 * Maps as declared in the `.maps` section with `__uint`, `__type` and `__array` of bpf_helpers.h:
 * each attribute is a member of the map's struct, its value hidden in the member's type.
 */
import { VeerError } from '../errors.js'
import type { Btf, BtfComposite, BtfType } from './btf.js'
import type { Layout } from './layout.js'
import { layoutOf } from './layout.js'

export interface MapDefinition {
  name: string
  /** `enum bpf_map_type`. */
  type: number
  /** 0 when the map has no keys (ring buffers). */
  keySize: number
  valueSize: number
  /** Undefined when declared by size only. */
  key: Layout | undefined
  value: Layout | undefined
  maxEntries: number
  flags: number
  /** `LIBBPF_PIN_BY_NAME` 1. */
  pinning: number
  /** Maps of maps: the template of the inner maps. */
  inner: MapDefinition | undefined
}

/**
 * The maps of an object. Clang puts them in the order of their first use, not of their declaration.
 *
 * @throws VeerError `LB_ERR_MAP_UNDEFINED` for a declaration that makes no map.
 */
export function mapDefinitions(btf: Btf): MapDefinition[] {
  const section = btf.find('datasec', '.maps')
  return (section?.vars ?? []).map((entry) => {
    const variable = btf.type(entry.type)
    if (variable.kind !== 'var') throw bad('.maps', 'it holds something that is no variable')
    return mapDefinition(btf, variable.name, btf.resolve(variable.type))
  })
}

function mapDefinition(btf: Btf, name: string, type: BtfType): MapDefinition {
  if (type.kind !== 'struct') throw bad(name, 'it is no struct')
  const number = (attribute: string): number => numberAttribute(btf, name, type, attribute)
  const key = typeAttribute(btf, type, 'key')
  const value = typeAttribute(btf, type, 'value')
  const values = type.members.find((member) => member.name === 'values')
  const inner = values === undefined ? undefined : innerDefinition(btf, name, btf.resolve(values.type))
  return {
    name,
    type: number('type'),
    key,
    value,
    keySize: key?.size ?? (number('key_size') || (inner === undefined ? 0 : 4)),
    valueSize: value?.size ?? (number('value_size') || (inner === undefined ? 0 : 4)),
    maxEntries: number('max_entries'),
    flags: number('map_flags'),
    pinning: number('pinning'),
    inner,
  }
}

/** `__uint(name, N)` declares `int (*name)[N]`. */
function numberAttribute(btf: Btf, map: string, type: BtfComposite, attribute: string): number {
  const member = type.members.find(({ name }) => name === attribute)
  if (member === undefined) return 0
  const pointer = btf.resolve(member.type)
  const array = pointer.kind === 'ptr' ? btf.resolve(pointer.type) : pointer
  if (array.kind !== 'array') throw bad(map, `${attribute} is not set with __uint`)
  return array.length
}

/** `__type(name, T)` declares `T *name`. */
function typeAttribute(btf: Btf, type: BtfComposite, attribute: string): Layout | undefined {
  const member = type.members.find(({ name }) => name === attribute)
  const pointer = member === undefined ? undefined : btf.resolve(member.type)
  return pointer?.kind === 'ptr' ? layoutOf(btf, pointer.type) : undefined
}

/** `__array(values, T)` declares `T *values[]`; programs (of a PROG_ARRAY) are no template. */
function innerDefinition(btf: Btf, map: string, values: BtfType): MapDefinition | undefined {
  if (values.kind !== 'array') throw bad(map, 'values is not set with __array')
  const pointer = btf.resolve(values.element)
  const inner = pointer.kind === 'ptr' ? btf.resolve(pointer.type) : pointer
  return inner.kind === 'struct' ? mapDefinition(btf, `${map}.inner`, inner) : undefined
}

function bad(name: string, why: string): VeerError {
  return new VeerError('LB_ERR_MAP_UNDEFINED', `cannot read the declaration of the map ${name}: ${why}`, {
    hint: 'declare maps with __uint, __type and __array of bpf_helpers.h',
  })
}
