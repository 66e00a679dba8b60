/** The test objects of the loader and what the tests expect of them. */
import { readFileSync } from 'node:fs'
import { bool, s32, struct, u32 } from '../../src/btf/layout.js'
import { CollectionSpec } from '../../src/loader/collection-spec.js'
import { Codec, u32Codec, u64Codec } from '../../src/maps/codec.js'
import { mapOfMaps, perCpuMap, plainMap, ringBuffer } from '../../src/maps/descriptor.js'
import { MapType } from '../../src/maps/map-type.js'

export interface Point {
  x: number
  y: number
}

export const pointCodec = new Codec<Point>(struct('point', 8, { x: [0, u32], y: [4, s32] }))
export const boolCodec = new Codec<boolean>(bool)

const base = (name: string, type: number, flags = 0): { name: string; type: number; flags: number } => ({
  name,
  type,
  flags,
})

export const loaderMaps = {
  name: 'loader_maps',
  maps: {
    points: plainMap(base('points', MapType.hash), pointCodec, u64Codec),
    cells: plainMap(base('cells', MapType.array), u32Codec, u32Codec),
    recent: plainMap(base('recent', MapType.lruHash), u32Codec, u32Codec),
    hits: perCpuMap(base('hits', MapType.percpuArray), u32Codec, u64Codec),
    portsOut: plainMap(base('ports_out', MapType.devmapHash), u32Codec, u32Codec),
    tables: mapOfMaps(
      base('tables', MapType.arrayOfMaps),
      u32Codec,
      u32Codec,
      plainMap(base('tables.inner', MapType.array, 0x1000), u32Codec, u32Codec),
    ),
    events: ringBuffer('events', pointCodec),
  },
  programs: {
    note: { name: 'note', section: 'xdp.frags' },
    dropAll: { name: 'drop_all', section: 'xdp.frags' },
    constants: { name: 'constants', section: 'tc' },
    redirect: { name: 'redirect', section: 'xdp' },
  },
}

/** A fresh spec of build/bpf/test/NAME.o. */
export function parseTestObject(name: string): CollectionSpec {
  const file = new URL(`../../build/bpf/test/${name}.o`, import.meta.url)
  return CollectionSpec.parse(readFileSync(file), name)
}
