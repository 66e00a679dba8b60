/** When which destination is checked. Pure: time comes in, keys go out. */
import { createHash } from 'node:crypto'

/** The times of one destination. Its checks begin at `phase` + k x `interval`. */
export interface Slot {
  readonly key: string
  readonly interval: number
  /** At least 0, less than `interval`. */
  readonly phase: number
  dueAt: number
  /** Waits for its time; otherwise its check is under way, or it is not there any more. */
  waiting: boolean
}

/** A check that is to begin now. */
export interface Due {
  slot: Readonly<Slot>
  /** Milliseconds after its time. */
  lateMs: number
}

/**
 * Each destination once per interval. Where in the interval follows from its key, so that all are spread over it, and
 * stay where they are when others come and go. Times are milliseconds of one clock that does not jump.
 */
export class Schedule {
  readonly #slots = new Map<string, Slot>()
  /** A binary heap of those that wait; the earliest first. */
  #heap: Slot[] = []

  get size(): number {
    return this.#slots.size
  }

  /** From now on these and no others, with their intervals in milliseconds. */
  set(intervals: ReadonlyMap<string, number>, now: number): void {
    for (const [key, { interval }] of this.#slots) {
      if (intervals.get(key) !== interval) this.#slots.delete(key)
    }
    for (const [key, interval] of intervals) {
      if (!this.#slots.has(key)) this.#slots.set(key, newSlot(key, interval, now))
    }
    // Sorted is a heap.
    this.#heap = [...this.#slots.values()].filter(({ waiting }) => waiting).sort((a, b) => a.dueAt - b.dueAt)
  }

  /** Whose check begins now; the one that has waited longest after its time first. Tell {@link finished} when it ends. */
  take(now: number): Due | undefined {
    const first = this.#heap[0]
    if (first === undefined || first.dueAt > now) return undefined
    this.#removeFirst()
    first.waiting = false
    return { slot: first, lateMs: now - first.dueAt }
  }

  /**
   * A check that began at `startedAt` has ended; the next is due at the next time of its own that is at least half an
   * interval after this one, and not already missed by as much: what was missed is not made up for.
   */
  finished({ slot: ended }: Due, startedAt: number, now: number): void {
    const slot = this.#slots.get(ended.key)
    // Otherwise it was removed meanwhile, or got another interval.
    if (slot === undefined || slot !== ended) return
    const half = slot.interval / 2
    slot.dueAt = timeFrom(slot, Math.max(startedAt + half, now - half))
    slot.waiting = true
    this.#insert(slot)
  }

  #insert(slot: Slot): void {
    const heap = this.#heap
    let at = heap.push(slot) - 1
    while (at > 0) {
      const parent = (at - 1) >> 1
      const above = heap[parent]
      if (above === undefined || above.dueAt <= slot.dueAt) break
      heap[at] = above
      at = parent
    }
    heap[at] = slot
  }

  #removeFirst(): void {
    const heap = this.#heap
    const last = heap.pop()
    if (last === undefined || heap.length === 0) return
    let at = 0
    for (;;) {
      const child = earlierChild(heap, at)
      const below = heap[child]
      if (below === undefined || below.dueAt >= last.dueAt) break
      heap[at] = below
      at = child
    }
    heap[at] = last
  }
}

function earlierChild(heap: readonly Slot[], at: number): number {
  const left = 2 * at + 1
  const [a, b] = [heap[left], heap[left + 1]]
  return a !== undefined && b !== undefined && b.dueAt < a.dueAt ? left + 1 : left
}

function newSlot(key: string, interval: number, now: number): Slot {
  const phase = interval * fractionOf(key)
  const slot = { key, interval, phase, dueAt: 0, waiting: true }
  slot.dueAt = timeFrom(slot, now)
  return slot
}

/** The first time of a slot at or after `from`. */
function timeFrom({ interval, phase }: Slot, from: number): number {
  return phase + Math.ceil((from - phase) / interval) * interval
}

/** At least 0, less than 1; evenly spread over keys, and always the same for one. */
function fractionOf(key: string): number {
  return createHash('sha1').update(key).digest().readUInt32BE(0) / 2 ** 32
}
