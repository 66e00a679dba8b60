/** All pings of one `veer ping`: to each director in turns, side by side. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Instance } from '../dataplane/instance.js'
import { openProbeNamespace } from '../system/probe-namespace.js'
import type { NetworkNamespace } from '../system/netns.js'
import { requireNamespace } from './attached-namespace.js'
import { withCommandPorts } from './command-ports.js'
import { GatewayPing, type PingResult } from './gateway-ping.js'
import type { PingRequest, PingRoute, PingService } from './ping-route.js'
import { pingRoutes, pingService } from './ping-route.js'

export interface PingTiming {
  /** Pings to each director. */
  count: number
  /** From one to the next of the same director, in milliseconds. */
  intervalMs: number
  timeoutMs: number
}

export interface NumberedResult extends PingResult {
  /** From 1. */
  number: number
}

/** All pings to one director; JSON of `ping --json`. */
export interface PingedDirector {
  director: string
  mac: string | null
  source: string
  sent: number
  answered: number
  /** Answered as they should be. */
  ok: number
  /** Of those that were answered, in milliseconds. */
  rttMs: { min: number; avg: number; max: number } | null
  pings: NumberedResult[]
}

export interface PingReport {
  service: PingService
  directors: PingedDirector[]
}

/** @param onResult - hears of each ping when it has ended */
export async function pingDirectors(
  instance: Instance,
  namespace: NetworkNamespace,
  request: PingRequest & PingTiming,
  onResult: (route: PingRoute, result: NumberedResult) => void,
): Promise<PingReport> {
  requireNamespace(instance, namespace)
  const service = pingService(instance, request.service)
  const inside = openProbeNamespace(instance.name)
  return withCommandPorts(instance, async (ports) => {
    const routes = await pingRoutes(instance, namespace, request, service)
    using pings = new GatewayPing({ instance, namespace: inside, service, ports })
    const directors = await Promise.all(routes.map((route) => pingAll(pings, route, request, onResult)))
    return { service, directors }
  })
}

async function pingAll(
  pings: GatewayPing,
  route: PingRoute,
  { count, intervalMs, timeoutMs }: PingTiming,
  onResult: (route: PingRoute, result: NumberedResult) => void,
): Promise<PingedDirector> {
  const results: Promise<NumberedResult>[] = []
  for (let number = 1; number <= count; number++) {
    if (number > 1) await sleep(intervalMs)
    const ping = pings.ping(route, timeoutMs).then((result) => ({ number, ...result }))
    results.push(ping)
    void ping.then((result) => onResult(route, result))
  }
  return summarise(route, await Promise.all(results))
}

function summarise({ director, mac, source }: PingRoute, pings: NumberedResult[]): PingedDirector {
  const rtts = pings.flatMap(({ rttMs }) => (rttMs === null ? [] : [rttMs]))
  const rttMs =
    rtts.length === 0
      ? null
      : { min: Math.min(...rtts), avg: rtts.reduce((sum, rtt) => sum + rtt, 0) / rtts.length, max: Math.max(...rtts) }
  const ok = pings.filter((ping) => ping.ok).length
  return { director, mac: mac ?? null, source, sent: pings.length, answered: rtts.length, ok, rttMs, pings }
}
