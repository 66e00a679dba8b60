/** What `veer conns` takes in a table of a million: until its first line, in memory, in all. */
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { Instance } from '../src/dataplane/instance.js'
import type { LbMaps } from '../src/dataplane/lb-maps.js'
import { readTick, ticksOf } from '../src/dataplane/clock.js'
import { connBucketCodec, connCodec, ConnFlag, ConnState, DestFlag, Forward, KeyKind, Limit } from '../src/maps/generated.js'
import { addressToWords } from '../src/net/address.js'
import { ensureBpffs } from '../src/system/bpffs.js'
import { NetworkNamespace } from '../src/system/netns.js'
import { median } from './statistics.js'
import { formatTable, rounded } from './table.js'

const VEER = fileURLToPath(new URL('../bin/veer', import.meta.url))
const BPFFS = '/sys/fs/bpf'
const CONNS = 1_000_000
const VIP_ID = 1
const SERVICES = ['web', 'api', 'mail', 'dns', 'rare'] as const
/** One conn in this many is of the last service. */
const RARE = 100_000

const MEBIBYTE = 2 ** 20

interface Run {
  firstLineMs: number
  lastLineMs: number
  lines: number
  /** VmHWM: the most that was resident. */
  residentBytes: number
}

export interface ConnsResult {
  name: string
  runs: Run[]
}

/** Fills a table, lists it by the built command, and removes it. */
export async function benchConns(rounds: number): Promise<ConnsResult[]> {
  const name = `bench-${process.pid}`
  ensureBpffs(BPFFS)
  const netns = NetworkNamespace.current().inode()
  using instance = await Instance.load({ name, bpffs: BPFFS }, { maxConns: CONNS, netns })
  fillServices(instance.maps)
  fillConns(instance)
  instance.pin([])
  try {
    const veer = (...args: string[]): string[] => [VEER, '--instance', name, 'conns', ...args]
    return [
      await measure('node -e 0', rounds, [process.execPath, '-e', 'console.log(0), process.stdin.resume()'], 1),
      await measure('conns --service web', rounds, veer('--service', 'web'), 2),
      await measure('conns --service rare', rounds, veer('--service', 'rare'), 2),
      await measure('conns --service web --json', rounds, veer('--service', 'web', '--json'), 1),
      await measure('conns', rounds, veer(), 2),
    ]
  } finally {
    instance.pins.removeAll()
  }
}

async function measure(name: string, rounds: number, command: string[], line: number): Promise<ConnsResult> {
  const runs: Run[] = []
  while (runs.length < rounds) runs.push(await run(command, line))
  return { name, runs }
}

/** @param line - which line is the first to count: the heading is none */
async function run([file = '', ...args]: string[], line: number): Promise<Run> {
  const start = performance.now()
  const child = spawn(file, args, { stdio: ['pipe', 'pipe', 'inherit'] })
  const result: Run = { firstLineMs: NaN, lastLineMs: NaN, lines: 0, residentBytes: 0 }
  child.stdout.on('data', (chunk: Buffer) => {
    for (const byte of chunk) if (byte === NEWLINE) result.lines++
    result.lastLineMs = performance.now() - start
    if (result.lines >= line && Number.isNaN(result.firstLineMs)) result.firstLineMs = result.lastLineMs
    result.residentBytes = Math.max(result.residentBytes, residentBytes(child.pid ?? 0))
    child.stdin.end()
  })
  const code = await new Promise((resolve) => child.on('close', resolve))
  if (code !== 0) throw new Error(`${file} ${args.join(' ')} ended with ${String(code)}`)
  return result
}

const NEWLINE = '\n'.charCodeAt(0)

/** 0 when the process has just ended. */
function residentBytes(pid: number): number {
  try {
    return 1024 * Number(/^VmHWM:\s*(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0)
  } catch {
    return 0
  }
}

function fillServices(maps: LbMaps): void {
  maps.vips.set(VIP_ID, { addr: addressToWords('203.0.113.10'), flags: 0, echo: 0, up: 1 })
  for (const [id, name] of SERVICES.entries()) {
    const port = 80 + id
    const plain = { ring: 0, ringSize: 0, scheduler: 0, forward: Forward.dr,
      sibling: 0, flags: 0, tableSize: 0, ringDigest: 0n, ringCrc: 0 }
    const persistence = { persistenceTicks: 0, persistenceScope: 0, persistencePrefix: 0, persistenceSeconds: 0 }
    maps.services.set({ vip: VIP_ID, port, protocol: 6, era: 0 }, { id, name, ...plain, ...persistence })
    const neighbour = { mac: new Uint8Array(6), srcMac: new Uint8Array(6), ifindex: 1 }
    const load = { weight: 1, effectiveWeight: 1, upper: 0, lower: 0, forward: Forward.dr, sibling: 0 }
    const addr = addressToWords(`10.0.0.${id + 1}`)
    maps.dests.set(id, { addr, ...neighbour, service: id, generation: 1, port, flags: DestFlag.live, ...load })
  }
}

/** As many conns in each bucket as a full table has on average; where in it a conn lies does not matter to a walk. */
function fillConns({ maps, clock }: Instance): void {
  const { raw } = maps.conns
  const expires = readTick(clock) + ticksOf(7200, maps.settings.get(0)?.hz ?? NaN)
  for (let from = 0; from < raw.info.maxEntries; from += raw.batchSize) {
    const count = Math.min(raw.batchSize, raw.info.maxEntries - from)
    const keys = Buffer.from(Uint32Array.from({ length: count }, (_, index) => from + index).buffer)
    const values = Buffer.alloc(count * connBucketCodec.size)
    for (let index = 0; index < count; index++) fillBucket(values, index * connBucketCodec.size, from + index, expires)
    raw.setPacked({ keys, values, count })
  }
}

function fillBucket(values: Buffer, at: number, bucket: number, expires: number): void {
  for (let way = 0; way < Limit.connLoad; way++) {
    const number = bucket * Limit.connLoad + way
    const dest = number % RARE === RARE - 1 ? SERVICES.length - 1 : number % (SERVICES.length - 1)
    const client = { word: [0, 0, 0xffff, 0x0a000000 + (number >>> 4)] }
    const key = { client, vip: VIP_ID, protocol: 6, kind: KeyKind.conn, clientPort: 1024 + (number & 15), port: 80 + dest }
    const life = { expires, state: ConnState.established, flags: ConnFlag.live | ConnFlag.nooutput, seq: 0 }
    const rest = { mac: new Uint8Array(6), control: 0, reverse: 0, children: 0 }
    values.writeUInt32LE(number + 2, at + way * Uint32Array.BYTES_PER_ELEMENT)
    const offset = at + connBucketCodec.size - (Limit.connWays - way) * connCodec.size
    connCodec.encodeInto({ key, dest, generation: 1, ...life, ...rest }, values, offset)
  }
}

export function printConns(results: readonly ConnsResult[]): string {
  const rows = results.map(({ name, runs }) => {
    const of = (value: (run: Run) => number): number => rounded(median(runs.map(value)))
    return [
      name,
      of(({ lines }) => lines),
      of(({ firstLineMs }) => firstLineMs),
      rounded(Math.min(...runs.map(({ firstLineMs }) => firstLineMs))),
      of(({ lastLineMs }) => lastLineMs),
      of(({ residentBytes }) => residentBytes / MEBIBYTE),
    ]
  })
  return formatTable(['command', 'lines', 'first line, ms', 'least', 'last line, ms', 'resident, MiB'], rows)
}
