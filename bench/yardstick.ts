/**
 * What a machine takes for operations of the kernel that the targets' machine was measured with, too. Targets in
 * nanoseconds are of that machine: on another one a figure is to be divided by what this says, or it would tell of the
 * machine and not of veer.
 */
import type { Collection } from '../src/loader/collection.js'
import type { Program } from '../src/loader/program.js'
import { loadYardstick, type yardstickObject } from './objects.js'
import { type Summary, summary } from './statistics.js'
import { formatTable, rounded } from './table.js'

const XDP_TX = 3
/** KNOWN_KEYS of bench/bpf/yardstick.c. */
const LOOKUPS = 16
/** Twice what its map holds: afterwards each insertion evicts. */
const FILLING_INSERTS = 2_000_000
const REPEATS = 50_000
/** Any packet will do. */
const PACKET = new Uint8Array(64)

/** `lookup` is of what lies in the caches, `insert` of what does not. */
export type Operation = 'lookup' | 'insert'

/** `ns` on the machine of the targets; `program` does it `times` in one run. */
const OPERATIONS = {
  lookup: { name: 'BPF hash, look-up of a known key of 40 bytes', ns: 16, program: 'yardLookup', times: LOOKUPS },
  insert: { name: 'BPF LRU hash of 1,000,000, new key in place of the oldest', ns: 720, program: 'yardInsert', times: 1 },
} as const

export interface YardstickResult {
  operation: Operation
  name: string
  /** On the machine of the targets. */
  ns: number
  here: Summary
}

/** Measured with every packet, since a machine's speed changes within seconds. */
export class Yardstick implements Disposable {
  readonly #loaded: Collection<typeof yardstickObject>
  readonly #ns: Record<Operation, number[]> = { lookup: [], insert: [] }

  private constructor(loaded: Collection<typeof yardstickObject>) {
    this.#loaded = loaded
  }

  static async load(): Promise<Yardstick> {
    const yardstick = new Yardstick(await loadYardstick())
    const { yardFill, yardInsert } = yardstick.#loaded.programs
    run(yardFill, 1)
    run(yardInsert, FILLING_INSERTS)
    return yardstick
  }

  /** How many times as long as on the machine of the targets an operation takes now. */
  measure(operation: Operation): number {
    const { programs } = this.#loaded
    const { ns, program, times } = OPERATIONS[operation]
    const here = (run(programs[program], REPEATS) - run(programs.yardNothing, REPEATS)) / times
    this.#ns[operation].push(here)
    return here / ns
  }

  results(): YardstickResult[] {
    return (['lookup', 'insert'] as const)
      .filter((operation) => this.#ns[operation].length > 0)
      .map((operation) => {
        const { name, ns } = OPERATIONS[operation]
        return { operation, name, ns, here: summary(this.#ns[operation]) }
      })
  }

  [Symbol.dispose](): void {
    this.#loaded[Symbol.dispose]()
  }
}

/** Nanoseconds a run. */
function run(program: Program, repeat: number): number {
  const { retval, durationNs } = program.run({ data: PACKET, repeat })
  if (retval !== XDP_TX) throw new Error(`${program.name}: action ${retval}`)
  return durationNs
}

export function printYardstick(results: readonly YardstickResult[]): string {
  return formatTable(
    ['operation of the kernel', 'ns', 'min', 'max', 'machine of the targets', 'factor'],
    results.map(({ name, here, ns }) => [
      name,
      rounded(here.median),
      rounded(here.min),
      rounded(here.max),
      ns,
      rounded(here.median / ns, 2),
    ]),
  )
}
