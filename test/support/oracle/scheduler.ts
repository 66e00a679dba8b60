/**
 * What each scheduler chooses, plain and slow, from net/netfilter/ipvs/ip_vs_*.c of Linux 6.1. Destinations come in
 * canonical order, where IPVS has the order in which they were added; nothing here is shared with bpf/.
 */
import type { AddressWords } from '../../../src/net/address.js'
import { BUCKETS, bucketOf, flowHash } from '../../../src/scheduler/hash.js'

export interface Candidate {
  id: number
  weight: number
  active: number
  inactive: number
  overloaded: boolean
}

/** A new flow, as far as a scheduler looks at it. */
export interface NewFlow {
  client: AddressWords
  clientPort: number
  vip: AddressWords
  /** Of its key in the conn table; u64. */
  hash: bigint
}

/** As a fraction, in exact integers. */
interface Cost {
  of: bigint
  by: bigint
}

const overhead = ({ active, inactive }: Candidate): bigint => BigInt(active) * 256n + BigInt(inactive)

const isUsable = ({ weight, overloaded }: Candidate): boolean => weight > 0 && !overloaded

/** The first of those that cost the least. */
function cheapest(candidates: readonly Candidate[], costOf: (each: Candidate) => Cost): Candidate | undefined {
  const isCheaper = (a: Cost, b: Cost): boolean => a.of * b.by < b.of * a.by
  return candidates.reduce<Candidate | undefined>(
    (best, each) => (best === undefined || isCheaper(costOf(each), costOf(best)) ? each : best),
    undefined,
  )
}

const byWeight = (of: bigint, { weight }: Candidate): Cost => ({ of, by: BigInt(weight) })
const heaviest = (candidates: readonly Candidate[]): Candidate | undefined =>
  cheapest(candidates, ({ weight }) => ({ of: -BigInt(weight), by: 1n }))

const wlc = (usable: readonly Candidate[]): Candidate | undefined =>
  cheapest(usable, (each) => byWeight(overhead(each), each))

const sed = (usable: readonly Candidate[]): Candidate | undefined =>
  cheapest(usable, (each) => byWeight(BigInt(each.active) + 1n, each))

/** Schedulers whose choice is a function of weights and counts alone. */
export const COUNTING = {
  lc: (usable: readonly Candidate[]) => cheapest(usable, (each) => ({ of: overhead(each), by: 1n })),
  wlc,
  sed,
  nq: (usable: readonly Candidate[]) => usable.find(({ active }) => active === 0) ?? sed(usable),
  fo: heaviest,
  ovf: (usable: readonly Candidate[]) => heaviest(usable.filter(({ active, weight }) => active <= weight)),
}

export type CountingScheduler = keyof typeof COUNTING

export function chooseByCount(scheduler: CountingScheduler, candidates: readonly Candidate[]): number | undefined {
  return COUNTING[scheduler](candidates.filter(isUsable))?.id
}

/** `twos`: the random numbers are the upper and the lower half of the flow's hash, scaled to 0 … the sum of weights. */
export function chooseOfTwo(candidates: readonly Candidate[], hash: bigint): number | undefined {
  const usable = candidates.filter(isUsable)
  const total = usable.reduce((sum, { weight }) => sum + BigInt(weight), 0n)
  const draw = (half: bigint): Candidate | undefined => {
    let left = (half * (total + 1n)) >> 32n
    return usable.find(({ weight }) => (left -= BigInt(weight)) <= 0n)
  }
  const drawn = [draw(hash >> 32n), draw(hash & 0xffff_ffffn)].filter((each) => each !== undefined)
  return wlc(drawn)?.id
}

/** What `lblc` and `lblcr` remember of a service; times in any unit. */
export interface Memory {
  /** `lblc`: its destination. */
  cached: number | undefined
  /** `lblcr`: the set. */
  members: Set<number>
  used: number
  modified: number
}

/** More active conns than its weight, while another has less than half. */
function isOver(candidate: Candidate, candidates: readonly Candidate[]): boolean {
  return candidate.active > candidate.weight && candidates.some(({ active, weight }) => active * 2 < weight)
}

export function chooseCached(
  candidates: readonly Candidate[],
  memory: Memory,
  now: number,
  lifetime: number,
): number | undefined {
  const usable = candidates.filter(isUsable)
  const isFresh = now - memory.used < lifetime
  const cached = isFresh ? usable.find(({ id }) => id === memory.cached) : undefined
  if (cached !== undefined) memory.used = now
  if (cached !== undefined && !isOver(cached, candidates)) return cached.id
  const chosen = wlc(usable)?.id
  if (chosen !== undefined) Object.assign(memory, { cached: chosen, used: now })
  return chosen
}

export function chooseOfSet(
  candidates: readonly Candidate[],
  memory: Memory,
  now: number,
  lifetime: number,
): number | undefined {
  const present = candidates.filter(({ weight }) => weight > 0)
  if (now - memory.used >= lifetime) for (const { id } of present) memory.members.delete(id)
  memory.used = now
  const members = present.filter(({ id }) => memory.members.has(id))
  const least = wlc(members.filter(isUsable))
  if (members.length > 1 && now - memory.modified > lifetime) {
    const most = cheapest(members, (each) => byWeight(-overhead(each), each))
    if (most !== undefined) memory.members.delete(most.id)
    memory.modified = now
  }
  if (least !== undefined && !isOver(least, candidates)) return least.id
  const joining = wlc(candidates.filter(isUsable))?.id
  if (joining !== undefined && !memory.members.has(joining)) {
    memory.members.add(joining)
    memory.modified = now
  }
  return joining
}

const attempts = (count: number): number[] => Array.from({ length: count }, (_, attempt) => attempt)

/** How a service of `mh` or `sh` looks for a slot. */
export interface HashOptions {
  ports: boolean
  fallback: boolean
}

/** The slots that `mh` looks at, one after the other. */
export function mhSlots(ringSize: number, flow: NewFlow, { ports, fallback }: HashOptions): number[] {
  const slot = (added: number): number => {
    const hash = flowHash(flow.client, (ports ? flow.clientPort : 0) + added)
    return Number((BigInt(hash) * BigInt(ringSize)) >> 32n)
  }
  const first = slot(0)
  return [first, ...attempts(fallback ? ringSize : 0).map((attempt) => slot((attempt + first) % ringSize))]
}

/** The same of `sh`. */
export function shSlots(flow: NewFlow, { ports, fallback }: HashOptions): number[] {
  const first = bucketOf(flow.client, ports ? flow.clientPort : 0)
  const bucket = (offset: number): number => (offset + first) % BUCKETS
  return [first, ...attempts(fallback ? BUCKETS : 0).map((attempt) => bucket((attempt + first) % BUCKETS))]
}

/** The first of these slots whose destination takes more. */
export function chooseSlot(
  ring: readonly number[],
  slots: readonly number[],
  takesMore: (id: number) => boolean,
): number | undefined {
  return slots.map((slot) => ring[slot]).find((id) => id !== undefined && takesMore(id))
}

/** `wrr`, and `rr` as long as all weights are 1: IPVS's walk round the list, with a threshold that goes down. */
export class Turns {
  readonly #weights: readonly number[]
  readonly #step: number
  readonly #largest: number
  #at = -1
  #threshold = 0

  constructor(weights: readonly number[]) {
    const gcd = (a: number, b: number): number => (b === 0 ? a : gcd(b, a % b))
    this.#weights = weights
    this.#step = weights.reduce(gcd, 0)
    this.#largest = Math.max(...weights)
  }

  /** The index whose turn it is; undefined after a whole circle in which nobody took it. */
  next(takesMore: (index: number) => boolean): number | undefined {
    const circle = (this.#weights.length * this.#largest) / this.#step
    for (let step = 0; step < circle; step += 1) {
      this.#at = (this.#at + 1) % this.#weights.length
      if (this.#at === 0) this.#threshold -= this.#step
      if (this.#threshold <= 0) this.#threshold = this.#largest
      if ((this.#weights[this.#at] ?? 0) >= this.#threshold && takesMore(this.#at)) return this.#at
    }
    return undefined
  }
}
