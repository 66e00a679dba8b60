/** What `veer run` and the process in the probes' namespace tell each other, as JSON over the channel of fork(). */
import type { ActiveHealthConfig } from '../config/health-schema.js'
import type { TargetChanges } from './target-changes.js'

export type HealthState = 'up' | 'down' | 'unknown'

/** A destination to be checked. Ports are in host order, addresses canonical. */
export interface ProbeTarget {
  /** Which destination this is, over all configurations: service name, real's address and port. */
  key: string
  service: string
  /** Of the service: the Host header, when the check names no other. */
  vip: string
  /** The real. */
  address: string
  port: number
  /** What the check's packets are addressed to: the VIP in `dr`, the real's own address in `nat` and for a local real. */
  destination: string
  /** `health.port`, or the port that is served. */
  destinationPort: number
  /** Our address in the namespace; undefined: whatever the system chooses (a real on this host, checked from the host's own namespace). */
  source: string | undefined
  /** Of `lb_dest`. */
  destId: number
  generation: number
  check: ActiveHealthConfig
  /** As it is in the maps: what the checker starts from when it does not know the key yet. */
  state: HealthState
}

/** How one check went. */
export interface CheckResult {
  ok: boolean
  /** Which step it came to: `connect`, `tls`, `request`, `status`, `body`, `answer`, `exec`. */
  step: string
  /** The reason of a failure in a user's words: `connect: no SYN-ACK in 1 s`, `status 503`. */
  reason: string
  /** Milliseconds. */
  tookMs: number
}

/** A destination's new state. */
export interface HealthChange {
  key: string
  state: 'up' | 'down'
  /** The check that decided. */
  last: CheckResult
  /** Successes or failures in a row that there were then. */
  inARow: number
}

/** Once a second: it lives. */
export interface Beat {
  type: 'beat'
  /** Checks that ended since its start, and those of them that failed. */
  checks: number
  failures: number
  inFlight: number
  /** How much too late a check began, at most, since the last beat. */
  lateMs: number
  rssBytes: number
}

/** To the checker. */
export type ToChecker =
  /** What is other than it has been told before; to begin with, all there are. */
  { type: 'targets' } & TargetChanges

/** From the checker. */
export type FromChecker =
  | { type: 'ready' }
  /** States that differ from what the maps had. May be said again: what the maps say already is no change. */
  | { type: 'changes'; changes: HealthChange[] }
  /** Something that keeps us from checking and says nothing of a real: `EMFILE`. At most one of a kind in ten seconds. */
  | { type: 'fault'; reason: string }
  | Beat
