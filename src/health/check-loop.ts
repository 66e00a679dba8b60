/** Checks all destinations, again and again, and tells whose state has changed. */
import { errnoOf, VeerError } from '../errors.js'
import type { Prober } from './prober.js'
import type { Beat, CheckResult, FromChecker, HealthChange, ProbeTarget } from './protocol.js'
import { RiseFall } from './rise-fall.js'
import type { Due } from './schedule.js'
import { Schedule } from './schedule.js'
import type { TargetChanges } from './target-changes.js'
import { WorkingClock } from './working-clock.js'

/** Changes are told together, at most so often. Milliseconds. */
const BATCH_MS = 50

/** A kind of fault is told at most once in this time. Milliseconds. */
const FAULT_EVERY_MS = 10_000

/** Having stood still for so long is worth telling. Milliseconds. */
const STANDSTILL_MS = 1000

interface Destination {
  target: ProbeTarget
  /** What a check is made of: another text is another check. */
  readonly checkText: string
  readonly riseFall: RiseFall
  /** The last one. */
  change: HealthChange | undefined
}

export interface CheckLoopOptions {
  prober: Prober
  maxInFlight: number
  report: (message: FromChecker) => void
}

/** Times are milliseconds of one monotonic clock. */
export class CheckLoop {
  readonly #maxInFlight: number
  readonly #report: (message: FromChecker) => void
  readonly #clock: WorkingClock
  readonly #schedule = new Schedule()
  #prober: Prober
  readonly #destinations = new Map<string, Destination>()
  readonly #changes = new Map<string, HealthChange>()
  #reportedAt = 0
  readonly #faultsToldAt = new Map<string, number>()
  #checks = 0
  #failures = 0
  #inFlight = 0
  #lateMs = 0

  constructor({ prober, maxInFlight, report }: CheckLoopOptions, seenAt: number) {
    this.#prober = prober
    this.#maxInFlight = maxInFlight
    this.#report = report
    this.#clock = new WorkingClock(seenAt)
  }

  /** How checks that begin from now on are made. */
  use(prober: Prober): void {
    this.#prober = prober
  }

  /** Those that were there, and are not checked in another way now, go on as they are. */
  changeTargets({ changed, removed }: TargetChanges): void {
    for (const key of removed) {
      this.#destinations.delete(key)
      this.#changes.delete(key)
    }
    for (const target of changed) {
      const destination = destinationOf(target, this.#destinations.get(target.key))
      this.#destinations.set(target.key, destination)
      this.#insist(destination)
    }
    const intervals = new Map([...this.#destinations].map(([key, { target }]) => [key, target.check.interval]))
    this.#schedule.set(intervals, this.#clock.now)
  }

  /** To be called every few milliseconds: begins the checks whose time has come, and tells of changes. */
  tick(seenAt: number): void {
    this.#clock.tick(seenAt)
    while (this.#inFlight < this.#maxInFlight) {
      const due = this.#schedule.take(this.#clock.now)
      if (due === undefined) break
      this.#lateMs = Math.max(this.#lateMs, due.lateMs)
      void this.#check(due)
    }
    this.#tellChanges()
  }

  /** What there is to say once a second. */
  beat(): Omit<Beat, 'rssBytes'> {
    const lost = this.#clock.takeLost()
    if (lost >= STANDSTILL_MS) this.#tellFault('standstill', `the checker stood still for ${Math.round(lost)} ms`)
    const beat = { checks: this.#checks, failures: this.#failures, inFlight: this.#inFlight, lateMs: this.#lateMs }
    this.#lateMs = 0
    return { type: 'beat', ...beat }
  }

  async #check(due: Due): Promise<void> {
    const destination = this.#destinations.get(due.slot.key)
    const startedAt = this.#clock.now
    this.#inFlight++
    try {
      if (destination === undefined) return
      const { target, riseFall } = destination
      const result = await this.#prober(target, { explain: riseFall.nextFailureDecides(target.check) })
      this.#take(destination, result)
    } catch (error) {
      this.#fault(error)
    } finally {
      this.#inFlight--
      this.#schedule.finished(due, startedAt, this.#clock.now)
    }
  }

  #take(destination: Destination, result: CheckResult): void {
    const { target, riseFall } = destination
    this.#checks++
    if (!result.ok) this.#failures++
    // Gone, or to be checked in another way from now on.
    if (this.#destinations.get(target.key) !== destination) return
    const transition = riseFall.take(result.ok, target.check, this.#clock.now)
    if (transition === undefined) return
    destination.change = { key: target.key, last: result, ...transition }
    this.#changes.set(target.key, destination.change)
  }

  /** The maps know another state than we: they have not heard of ours, or have forgotten it. */
  #insist({ target: { key, state }, change }: Destination): void {
    if (change !== undefined && change.state !== state) this.#changes.set(key, change)
  }

  #tellChanges(): void {
    const { now } = this.#clock
    if (this.#changes.size === 0 || now - this.#reportedAt < BATCH_MS) return
    this.#report({ type: 'changes', changes: [...this.#changes.values()] })
    this.#changes.clear()
    this.#reportedAt = now
  }

  #fault(error: unknown): void {
    const cause = error instanceof Error ? errnoOf(error.cause) : undefined
    if (error instanceof VeerError) this.#tellFault(`${error.code} ${cause}`, error.message)
    else this.#tellFault('defect', error instanceof Error ? (error.stack ?? error.message) : String(error))
  }

  #tellFault(kind: string, reason: string): void {
    const { now } = this.#clock
    if (now - (this.#faultsToldAt.get(kind) ?? -Infinity) < FAULT_EVERY_MS) return
    this.#faultsToldAt.set(kind, now)
    this.#report({ type: 'fault', reason })
  }
}

/** A target as it is now, with what is known of it. */
function destinationOf(target: ProbeTarget, known: Destination | undefined): Destination {
  const { check, destination, destinationPort } = target
  const checkText = JSON.stringify([check, destination, destinationPort])
  const learnt = known?.riseFall.state === 'unknown' && target.state !== 'unknown'
  if (known === undefined || learnt) {
    return { target, checkText, riseFall: new RiseFall(target.state), change: undefined }
  }
  if (known.checkText === checkText) {
    known.target = target
    return known
  }
  known.riseFall.forgetResults()
  return { ...known, target, checkText }
}
