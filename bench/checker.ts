/** What checking costs: the checker's process, with `--local`, against servers on a loopback of its own. */
import type { ChildProcess, ChildProcessByStdio } from 'node:child_process'
import { fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import type { Readable, Writable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { healthSchema } from '../src/config/health-schema.js'
import { CHECKER_EXEC_ARGV } from '../src/health/exec-argv.js'
import type { Beat, FromChecker, ProbeTarget } from '../src/health/protocol.js'
import type { NetworkNamespace } from '../src/system/netns.js'
import { BenchLab } from './lab.js'
import { formatTable, rounded } from './table.js'

export const CHECKED_KINDS = ['tcp', 'http'] as const

const DESTINATIONS = 10_000
const INTERVAL_MS = 2000
/** Checks in a second that this takes. */
const WANTED = DESTINATIONS / (INTERVAL_MS / 1000)
const MAX_IN_FLIGHT = 2048
/** In which the code is compiled, and what is kept is filled. */
const WARM_UP_SECONDS = 60
/** USER_HZ of /proc/PID/stat, the same on all kernels. */
const TICKS_PER_SECOND = 100
const MEBIBYTE = 2 ** 20

const CHECKER = fileURLToPath(new URL('../dist/health/checker.js', import.meta.url))
const SERVER = fileURLToPath(new URL('checker-server.py', import.meta.url))

export interface CheckerResult {
  kind: (typeof CHECKED_KINDS)[number]
  seconds: number
  checksPerSecond: number
  failures: number
  /** SYNs that found the servers' queue full: failures that are no fault of the checker. */
  synsDropped: number
  /** Of one CPU. */
  cpuShare: number
  microsecondsPerCheck: number
  /** Median and most over the seconds: how much too late a check began at most. */
  lateMs: { median: number; most: number }
  rssBytes: { start: number; end: number; most: number }
}

/** An address for each: the loopback has all of 127.0.0.0/8, and the servers listen on all. */
function targets(kind: CheckerResult['kind'], port: number): ProbeTarget[] {
  const check = healthSchema.parse({ kind, interval: `${INTERVAL_MS}ms`, timeout: '1s' })
  if (check.kind === 'none') throw new Error('no check')
  return Array.from({ length: DESTINATIONS }, (_, id) => {
    const address = `127.1.${id >> 8}.${id & 255}`
    return {
      key: `bench ${id}`,
      service: 'bench',
      vip: address,
      address,
      port,
      destination: address,
      destinationPort: port,
      source: undefined,
      destId: id,
      generation: 1,
      check,
      state: 'up',
    }
  })
}

type Server = ChildProcessByStdio<Writable, Readable, null>

/** Behind the checker, when both want a CPU. */
const startServer = (host: NetworkNamespace): Server =>
  host.run(() => spawn('nice', ['python3', SERVER], { stdio: ['pipe', 'pipe', 'inherit'] }))

/** SYNs that a namespace has dropped since it was made. */
function synsDropped(host: NetworkNamespace): number {
  const lines = host.run(() => readFileSync('/proc/thread-self/net/netstat', 'utf8')).split('\n')
  const [names, counts] = lines.filter((line) => line.startsWith('TcpExt:')).map((line) => line.split(' '))
  return Number(counts?.[names?.indexOf('ListenDrops') ?? -1])
}

/** CPU time that a process has used so far, in seconds. */
function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /, '').split(' ')
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND
}

/** `seconds` of beats, after the warm-up. */
async function watch(checker: ChildProcess, seconds: number): Promise<{ beats: Beat[]; cpu: number; wall: number }> {
  const { pid } = checker
  if (pid === undefined) throw new Error(`${CHECKER} does not start`)
  const beats: Beat[] = []
  await sleep(WARM_UP_SECONDS * 1000)
  const cpuBefore = cpuSeconds(pid)
  const before = performance.now()
  checker.on('message', (message) => {
    const said = message as FromChecker
    if (said.type === 'beat') beats.push(said)
    if (said.type === 'fault') process.stderr.write(`${said.reason}\n`)
  })
  await sleep(seconds * 1000)
  return { beats, cpu: cpuSeconds(pid) - cpuBefore, wall: (performance.now() - before) / 1000 }
}

async function benchKind(host: NetworkNamespace, kind: CheckerResult['kind'], seconds: number): Promise<CheckerResult> {
  const server = startServer(host)
  const [port] = (await once(server.stdout, 'data')) as [Buffer]
  const droppedBefore = synsDropped(host)
  const checker = host.run(() => fork(CHECKER, ['--local', '--max-in-flight', `${MAX_IN_FLIGHT}`], { execArgv: CHECKER_EXEC_ARGV }))
  try {
    await once(checker, 'message')
    checker.send({ type: 'targets', changed: targets(kind, Number(port)), removed: [] })
    const { beats, cpu, wall } = await watch(checker, seconds)
    const [first, last] = [beats[0], beats.at(-1)]
    if (first === undefined || last === undefined) throw new Error('the checker says nothing')
    const checksPerSecond = (last.checks - first.checks) / (beats.length - 1)
    const late = beats.map(({ lateMs }) => lateMs).sort((a, b) => a - b)
    const rss = beats.map(({ rssBytes }) => rssBytes)
    return {
      kind,
      seconds: Math.round(wall),
      checksPerSecond,
      failures: last.failures - first.failures,
      synsDropped: synsDropped(host) - droppedBefore,
      cpuShare: cpu / wall,
      microsecondsPerCheck: ((cpu / wall) * 1e6) / checksPerSecond,
      lateMs: { median: late[late.length >> 1] ?? NaN, most: late.at(-1) ?? NaN },
      rssBytes: { start: first.rssBytes, end: last.rssBytes, most: Math.max(...rss) },
    }
  } finally {
    checker.disconnect()
    server.stdin.end()
  }
}

export async function benchChecker(seconds: number): Promise<CheckerResult[]> {
  using lab = new BenchLab()
  const results: CheckerResult[] = []
  for (const kind of CHECKED_KINDS) results.push(await benchKind(lab.addHost(kind), kind, seconds))
  return results
}

/** What the checks that were wanted would take of a CPU, by what one check costs. */
const neededShare = ({ microsecondsPerCheck }: CheckerResult): number => (microsecondsPerCheck * WANTED) / 1e6

export function printChecker(results: readonly CheckerResult[]): string {
  const mebibytes = (bytes: number): number => rounded(bytes / MEBIBYTE)
  const columns = ['kind', 'seconds', 'checks/s', 'failed', 'SYNs dropped', '% of a CPU', 'µs a check', `% at ${WANTED}/s`]
  return formatTable(
    [...columns, 'late ms, median', 'most', 'MiB at start', 'at end', 'most'],
    results.map((result) => [
      result.kind,
      result.seconds,
      rounded(result.checksPerSecond),
      result.failures,
      result.synsDropped,
      rounded(result.cpuShare * 100),
      rounded(result.microsecondsPerCheck),
      rounded(neededShare(result) * 100),
      rounded(result.lateMs.median),
      rounded(result.lateMs.most),
      mebibytes(result.rssBytes.start),
      mebibytes(result.rssBytes.end),
      mebibytes(result.rssBytes.most),
    ]),
  )
}
