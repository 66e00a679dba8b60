/**
 * The process that checks reals; `veer run` starts it in the namespace of the probes, or, with `--local`, in that of the
 * host. They speak by protocol.ts over the channel of fork(). It ends with the process that started it.
 */
import { parseArgs } from 'node:util'
import type { PortRange } from '../config/probe-schema.js'
import { CheckLoop } from './check-loop.js'
import { PortPool, ProbeMaps } from './port-pool.js'
import { isolatedProber, localProber } from './prober.js'
import type { FromChecker, ToChecker } from './protocol.js'

const TICK_MS = 10
const BEAT_MS = 1000

const NO_PORTS: PortRange = { first: 0, count: 0 }

const { values } = parseArgs({
  options: {
    instance: { type: 'string' },
    bpffs: { type: 'string' },
    local: { type: 'boolean', default: false },
    'max-in-flight': { type: 'string' },
  },
})

function main(): void {
  if (process.send === undefined) throw new Error('this process is started by veer run')
  // A terminal sends these to all that run in it; what they mean is for veer run to decide.
  process.on('SIGINT', () => undefined)
  process.on('SIGHUP', () => undefined)
  process.on('disconnect', () => process.exit(0))
  // It may have gone while our modules were being read: then there is no such event any more.
  if (!process.connected) process.exit(0)
  const maxInFlight = Number(required('max-in-flight'))
  const loop = new CheckLoop({ prober: localProber, maxInFlight, report }, performance.now())
  const adaptPorts = values.local ? () => undefined : portAdapter(loop)
  process.on('message', (message) => {
    try {
      if (!isToChecker(message)) throw new TypeError('no lists of targets')
      adaptPorts()
      loop.changeTargets(message)
    } catch (error) {
      report({ type: 'fault', reason: `a message that the checker cannot use: ${String(error)}` })
    }
  })
  setInterval(() => loop.tick(performance.now()), TICK_MS)
  setInterval(() => report({ ...loop.beat(), rssBytes: process.memoryUsage.rss() }), BEAT_MS)
  report({ type: 'ready' })
}

function required(option: 'instance' | 'bpffs' | 'max-in-flight'): string {
  const value = values[option]
  if (value === undefined) throw new Error(`--${option} is missing`)
  return value
}

/** Makes checks leave by the ports that the maps name now. */
function portAdapter(loop: CheckLoop): () => void {
  const maps = new ProbeMaps({ name: required('instance'), bpffs: required('bpffs') })
  let range = NO_PORTS
  const adapt = (): void => {
    const next = maps.range()
    if (next.first === range.first && next.count === range.count) return
    range = next
    loop.use(isolatedProber(new PortPool(maps.probes, range, 'checker')))
  }
  loop.use(isolatedProber(new PortPool(maps.probes, NO_PORTS, 'checker')))
  return adapt
}

function report(message: FromChecker): void {
  // Who does not listen any more will not be missed: the channel's end is ours.
  process.send?.(message, undefined, undefined, () => undefined)
}

function isToChecker(message: unknown): message is ToChecker {
  if (typeof message !== 'object' || message === null || !('type' in message)) return false
  const lists = message.type === 'targets' && 'changed' in message && 'removed' in message ? [message.changed, message.removed] : []
  return lists.length > 0 && lists.every((list) => Array.isArray(list))
}

main()
