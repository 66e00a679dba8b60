/** What `veer conns` takes in a table of a million: until its first line, in memory, in all. */
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { readTick, ticksOf } from '../src/dataplane/clock.js'
import { Instance } from '../src/dataplane/instance.js'
import { ensureBpffs } from '../src/system/bpffs.js'
import { NetworkNamespace } from '../src/system/netns.js'
import { fillServices, FullTable } from './full-table.js'
import { median } from './statistics.js'
import { formatTable, rounded } from './table.js'

const VEER = fileURLToPath(new URL('../bin/veer', import.meta.url))
const BPFFS = '/sys/fs/bpf'
const CONNS = 1_000_000

/** As bin/veer starts it. */
const NODE = ['-u', 'NODE_EXTRA_CA_CERTS', process.execPath]

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
  new FullTable(instance.maps).write(readTick(instance.clock) + ticksOf(7200, instance.maps.settings.get(0)?.hz ?? NaN))
  instance.pin([])
  try {
    const veer = (...args: string[]): string[] => [VEER, '--instance', name, 'conns', ...args]
    return [
      await measure('node -e 0', rounds, ['env', ...NODE, '-e', 'console.log(0), process.stdin.resume()'], 1),
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
