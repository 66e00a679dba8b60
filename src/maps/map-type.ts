/** `enum bpf_map_type` of include/uapi/linux/bpf.h, as far as this library knows what to do with a type. */
export const MapType = {
  hash: 1,
  array: 2,
  progArray: 3,
  perfEventArray: 4,
  percpuHash: 5,
  percpuArray: 6,
  stackTrace: 7,
  cgroupArray: 8,
  lruHash: 9,
  lruPercpuHash: 10,
  lpmTrie: 11,
  arrayOfMaps: 12,
  hashOfMaps: 13,
  devmap: 14,
  sockmap: 15,
  cpumap: 16,
  xskmap: 17,
  sockhash: 18,
  queue: 22,
  stack: 23,
  devmapHash: 25,
  ringbuf: 27,
} as const

export type MapType = (typeof MapType)[keyof typeof MapType]

/** What a map's type is called here; its number when it has no name. */
export function mapTypeName(type: number): string {
  return Object.entries(MapType).find(([, number]) => number === type)?.[0] ?? `type ${type}`
}

/** Types whose values exist once per CPU. */
export function isPerCpu(type: number): boolean {
  return type === MapType.percpuHash || type === MapType.percpuArray || type === MapType.lruPercpuHash
}

/** Types whose values are other maps. */
export function isMapOfMaps(type: number): boolean {
  return type === MapType.arrayOfMaps || type === MapType.hashOfMaps
}

/** Types whose keys are 0 … maxEntries - 1, all of them always present. */
export function isArrayLike(type: number): boolean {
  return type === MapType.array || type === MapType.percpuArray
}
