/** Checks through the isolated path: each by a port of its own, which tells the dataplane where it goes. */
import { errnoOf } from '../errors.js'
import { runCheck } from './check.js'
import type { CheckOptions } from './check-run.js'
import type { PortPool } from './port-pool.js'
import type { CheckResult, ProbeTarget } from './protocol.js'

export interface ProbeOptions extends Omit<CheckOptions, 'sourcePort'> {
  /** Look for the reason when the VIP is not answered, by a second connection to the real's own address. */
  explain?: boolean
}

/** How a check is made. Rejects with `LB_ERR_CHECK_IMPOSSIBLE` or `LB_ERR_PROBE_PORTS`, which say nothing of the real. */
export type Prober = (target: ProbeTarget, options?: ProbeOptions) => Promise<CheckResult>

/** From where the system chooses: for reals on this host. */
export const localProber: Prober = (target, options) => runCheck(target, options)

/** By the ports of a pool. */
export function isolatedProber(pool: PortPool): Prober {
  return async (target, { explain = false, ...options } = {}) => {
    const result = await checkByPort(pool, target, options)
    if (!explain || !vipUnanswered(target, result)) return result
    const own = await checkByPort(pool, atOwnAddress(target), options)
    return own.ok || own.reason === 'connect: refused' ? { ...result, reason: VIP_UNANSWERED } : result
  }
}

const VIP_UNANSWERED = 'VIP not answered by this real (its own address answers)'

/** Ports that may turn out to be in use, one after the other, before a check is given up. */
const PORTS_TRIED = 4

async function checkByPort(pool: PortPool, target: ProbeTarget, options: ProbeOptions): Promise<CheckResult> {
  for (let tried = 1; ; tried++) {
    const sourcePort = pool.claim(target)
    try {
      return await runCheck(target, { ...options, sourcePort })
    } catch (error) {
      if (tried === PORTS_TRIED || !isPortInUse(error)) throw error
    } finally {
      pool.release(sourcePort)
    }
  }
}

function isPortInUse(error: unknown): boolean {
  return error instanceof Error && errnoOf(error.cause) === 'EADDRINUSE'
}

function vipUnanswered({ address, destination }: ProbeTarget, { ok, reason }: CheckResult): boolean {
  return !ok && destination !== address && reason.startsWith('connect: no SYN-ACK')
}

/** The real has at most this long to answer at its own address, in milliseconds. */
const OWN_ADDRESS_MS = 500

/** Whether the real is there at all: a connection to its own address. */
function atOwnAddress(target: ProbeTarget): ProbeTarget {
  const { interval, rise, fall, initial, damping, timeout } = target.check
  const check = { kind: 'tcp', interval, rise, fall, initial, damping, timeout: Math.min(timeout, OWN_ADDRESS_MS) } as const
  return { ...target, destination: target.address, check }
}
