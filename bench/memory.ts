/** What a loaded dataplane takes: maps, as the kernel accounts them, and the program. */
import { readFileSync } from 'node:fs'
import { DEFAULTS } from '../src/config/defaults.js'
import type { RawMap } from '../src/maps/raw-map.js'
import { fillTables } from './director.js'
import type { Program } from '../src/loader/program.js'
import { loadDataplane, loadReply } from './objects.js'
import { formatTable, rounded } from './table.js'

const MEBIBYTE = 2 ** 20

export interface MemoryResult {
  maps: { name: string; entries: number; bytes: number }[]
  /** Of as many as `conns.max`, with the room that the table needs to be filled so far, and `reverse`. */
  bytesPerConn: number
  /** One mh ring of 16,381 slots. */
  bytesPerRing: number
  programs: { name: string; verifiedInstructions: number; translatedBytes: number; jitedBytes: number }[]
}

const BYTES_PER_CONN_TARGET = 160

/** `memlock` of /proc/self/fdinfo: what the map costs in the kernel (map_mem_usage, Linux 6.4). */
function bytesOf(map: RawMap): number {
  const info = readFileSync(`/proc/self/fdinfo/${map.native.fd}`, 'utf8')
  return Number(/^memlock:\s*(\d+)/m.exec(info)?.[1] ?? NaN)
}

function sizeOf(program: Program): MemoryResult['programs'][number] {
  const { verifiedInstructions, translatedBytes, jitedBytes } = program.info()
  return { name: program.name, verifiedInstructions, translatedBytes, jitedBytes }
}

export async function benchMemory(object: string): Promise<MemoryResult> {
  using dataplane = await loadDataplane(object)
  using reply = await loadReply(object, dataplane)
  fillTables(dataplane.maps, { ingress: 1, egress: 1 })
  using ring = dataplane.maps.rings.get(0)
  if (ring === undefined) throw new Error('no ring was written')
  const all = Object.values(dataplane.maps).map(({ raw }) => raw)
  const programs = [...Object.values(dataplane.programs), ...Object.values(reply.programs)]
  return {
    maps: all.map((map) => ({ name: map.name, entries: map.info.maxEntries, bytes: bytesOf(map) })),
    bytesPerConn: (bytesOf(dataplane.maps.conns.raw) + bytesOf(dataplane.maps.reverse.raw)) / DEFAULTS.conns.max,
    bytesPerRing: bytesOf(ring.raw),
    programs: programs.map(sizeOf),
  }
}

export function printMemory({ maps, bytesPerConn, bytesPerRing, programs }: MemoryResult): string {
  const total = maps.reduce((sum, { bytes }) => sum + bytes, 0)
  const mebibytes = (bytes: number): number => rounded(bytes / MEBIBYTE, 2)
  const rows = [...maps].sort((a, b) => b.bytes - a.bytes).map(({ name, entries, bytes }) => [name, entries, mebibytes(bytes)])
  const met = bytesPerConn <= BYTES_PER_CONN_TARGET ? 'yes' : 'NO'
  return [
    formatTable(['map', 'entries', 'MiB'], [...rows, ['all, without rings', undefined, mebibytes(total)]]),
    '',
    formatTable(
      ['program', 'instructions verified', 'bytes', 'bytes of machine code'],
      programs.map((each) => [each.name, each.verifiedInstructions, each.translatedBytes, each.jitedBytes]),
    ),
    '',
    'tc_reply uses the maps of xdp_lb.',
    `A conn takes ${rounded(bytesPerConn)} bytes, of which ${BYTES_PER_CONN_TARGET} are allowed: ${met}; ` +
      `an mh ring of 16,381 slots ${rounded(bytesPerRing / 1024)} KiB.`,
    'Katran (reference, other machine): 64,088 verified, 385 MiB of maps before its conns, 121 bytes a conn.',
  ].join('\n')
}
