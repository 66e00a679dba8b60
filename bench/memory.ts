/** What a loaded dataplane takes: maps, as the kernel accounts them, and the program. */
import { readFileSync } from 'node:fs'
import { DEFAULTS } from '../src/config/defaults.js'
import type { RawMap } from '../src/maps/raw-map.js'
import { fillTables } from './director.js'
import { loadDataplane } from './objects.js'
import { formatTable, rounded } from './table.js'

const MEBIBYTE = 2 ** 20

export interface MemoryResult {
  maps: { name: string; entries: number; bytes: number }[]
  /** Of as many as `conns.max`, with the room that the table needs to be filled so far. */
  bytesPerConn: number
  /** One mh ring of 16,381 slots. */
  bytesPerRing: number
  program: { verifiedInstructions: number; translatedBytes: number; jitedBytes: number }
}

/** `memlock` of /proc/self/fdinfo: what the map costs in the kernel (map_mem_usage, Linux 6.4). */
function bytesOf(map: RawMap): number {
  const info = readFileSync(`/proc/self/fdinfo/${map.native.fd}`, 'utf8')
  return Number(/^memlock:\s*(\d+)/m.exec(info)?.[1] ?? NaN)
}

export async function benchMemory(object: string): Promise<MemoryResult> {
  using dataplane = await loadDataplane(object)
  fillTables(dataplane.maps, { ingress: 1, egress: 1 })
  using ring = dataplane.maps.rings.get(0)
  if (ring === undefined) throw new Error('no ring was written')
  const all = Object.values(dataplane.maps).map(({ raw }) => raw)
  const { verifiedInstructions, translatedBytes, jitedBytes } = dataplane.programs.xdpLb.info()
  return {
    maps: all.map((map) => ({ name: map.name, entries: map.info.maxEntries, bytes: bytesOf(map) })),
    bytesPerConn: bytesOf(dataplane.maps.conns.raw) / DEFAULTS.conns.max,
    bytesPerRing: bytesOf(ring.raw),
    program: { verifiedInstructions, translatedBytes, jitedBytes },
  }
}

export function printMemory({ maps, bytesPerConn, bytesPerRing, program }: MemoryResult): string {
  const total = maps.reduce((sum, { bytes }) => sum + bytes, 0)
  const mebibytes = (bytes: number): number => rounded(bytes / MEBIBYTE, 2)
  const rows = [...maps].sort((a, b) => b.bytes - a.bytes).map(({ name, entries, bytes }) => [name, entries, mebibytes(bytes)])
  return [
    formatTable(['map', 'entries', 'MiB'], [...rows, ['all, without rings', undefined, mebibytes(total)]]),
    '',
    `A conn takes ${rounded(bytesPerConn)} bytes; an mh ring of 16,381 slots ${rounded(bytesPerRing / 1024)} KiB.`,
    `xdp_lb: ${program.verifiedInstructions} instructions verified, ${program.translatedBytes} bytes translated, ` +
      `${program.jitedBytes} bytes of machine code.`,
    'Katran (reference, other machine): 64,088 verified, 385 MiB of maps before its conns, 121 bytes a conn.',
  ].join('\n')
}
