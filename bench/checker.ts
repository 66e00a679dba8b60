/** What checking costs: the checker's process, with `--local`, against a server on the loopback. */
import type { ChildProcess } from 'node:child_process'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { healthSchema } from '../src/config/health-schema.js'
import type { Beat, FromChecker, ProbeTarget } from '../src/health/protocol.js'
import { formatTable, rounded } from './table.js'

export const CHECKED_KINDS = ['tcp', 'http'] as const

const DESTINATIONS = 10_000
const INTERVAL_MS = 2000
const MAX_IN_FLIGHT = 2048
/** The first intervals compile the code, and fill what is kept. */
const WARM_UP_SECONDS = 10
/** USER_HZ of /proc/PID/stat, the same on all kernels. */
const TICKS_PER_SECOND = 100
const MEBIBYTE = 2 ** 20

const CHECKER = fileURLToPath(new URL('../dist/health/checker.js', import.meta.url))
const SERVER = fileURLToPath(new URL('checker-server.mjs', import.meta.url))

export interface CheckerResult {
  kind: (typeof CHECKED_KINDS)[number]
  seconds: number
  checksPerSecond: number
  failures: number
  /** Of one CPU. */
  cpuShare: number
  microsecondsPerCheck: number
  /** Median and most over the seconds: how much too late a check began at most. */
  lateMs: { median: number; most: number }
  rssBytes: { start: number; end: number; most: number }
}

function targets(kind: CheckerResult['kind'], port: number): ProbeTarget[] {
  const check = healthSchema.parse({ kind, interval: `${INTERVAL_MS}ms`, timeout: '1s' })
  if (check.kind === 'none') throw new Error('no check')
  return Array.from({ length: DESTINATIONS }, (_, id) => ({
    key: `bench ${id}`,
    service: 'bench',
    vip: '127.0.0.1',
    address: '127.0.0.1',
    port,
    destination: '127.0.0.1',
    destinationPort: port,
    source: undefined,
    destId: id,
    generation: 1,
    check,
    state: 'up',
  }))
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

async function benchKind(kind: CheckerResult['kind'], seconds: number): Promise<CheckerResult> {
  const server = fork(SERVER)
  const [port] = (await once(server, 'message')) as [number]
  const checker = fork(CHECKER, ['--local', '--max-in-flight', `${MAX_IN_FLIGHT}`], { execArgv: [] })
  try {
    await once(checker, 'message')
    checker.send({ type: 'targets', targets: targets(kind, port) })
    const { beats, cpu, wall } = await watch(checker, seconds)
    const [first, last] = [beats[0], beats.at(-1)]
    if (first === undefined || last === undefined) throw new Error('the checker says nothing')
    const checks = last.checks - first.checks
    const late = beats.map(({ lateMs }) => lateMs).sort((a, b) => a - b)
    const rss = beats.map(({ rssBytes }) => rssBytes)
    return {
      kind,
      seconds: Math.round(wall),
      checksPerSecond: checks / (beats.length - 1),
      failures: last.failures - first.failures,
      cpuShare: cpu / wall,
      microsecondsPerCheck: ((cpu / wall) * 1e6) / (checks / (beats.length - 1)),
      lateMs: { median: late[late.length >> 1] ?? NaN, most: late.at(-1) ?? NaN },
      rssBytes: { start: first.rssBytes, end: last.rssBytes, most: Math.max(...rss) },
    }
  } finally {
    checker.disconnect()
    server.disconnect()
  }
}

export async function benchChecker(seconds: number): Promise<CheckerResult[]> {
  const results: CheckerResult[] = []
  for (const kind of CHECKED_KINDS) results.push(await benchKind(kind, seconds))
  return results
}

export function printChecker(results: readonly CheckerResult[]): string {
  const mebibytes = (bytes: number): number => rounded(bytes / MEBIBYTE)
  return formatTable(
    ['kind', 'seconds', 'checks/s', 'failed', '% of a CPU', 'µs a check', 'late ms, median', 'most', 'MiB at start', 'at end', 'most'],
    results.map(({ kind, lateMs, rssBytes, ...each }) => [
      kind,
      each.seconds,
      rounded(each.checksPerSecond),
      each.failures,
      rounded(each.cpuShare * 100),
      rounded(each.microsecondsPerCheck),
      rounded(lateMs.median),
      rounded(lateMs.most),
      mebibytes(rssBytes.start),
      mebibytes(rssBytes.end),
      mebibytes(rssBytes.most),
    ]),
  )
}
