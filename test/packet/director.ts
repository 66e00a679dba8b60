/** A director under test: the real programs on one side, the oracle on the other, both with the same table. */
import { expect, onTestFinished } from 'vitest'
import { contradictions, liveConns } from '../support/conn-census.js'
import { LbFixture, type RunResult, type TcAction } from '../support/lb-fixture.js'
import { countsOf } from '../support/oracle/counts.js'
import { judgeProbe } from '../support/oracle/probes.js'
import { judgeReply } from '../support/oracle/replies.js'
import { judge, NO_COUNTS, type Conn, type Outcome, type Table } from '../support/oracle.js'
import { toHex } from '../support/packet/bytes.js'
import type { Packet } from '../support/packet/build.js'
import { describeDifference } from '../support/packet/diff.js'
import { INGRESS } from './world.js'

/** The program's clock is the coarse one, up to a tick behind; the rest is time that passed between both runs. */
const CLOCK_TOLERANCE_NS = 5_000_000_000n

/** What two runs of a conn share: not its timer. */
export type TimelessConn = Omit<Conn, 'expires'>

const bytesOf = (sent: Packet | Uint8Array): Uint8Array => (sent instanceof Uint8Array ? sent : sent.bytes())

/** More than a tick, less than any timer. */
const MOMENT_NS = 1_000_000_000n

/** What has run out is out: its place may have been given to another flow, or not yet. */
const living = (conns: Map<string, Conn>): [string, Conn][] =>
  [...conns].filter(([, { expires, live }]) => live && expires > process.hrtime.bigint() + MOMENT_NS)

const timeless = (conns: [string, Conn][]): Map<string, TimelessConn> =>
  new Map(conns.map(([key, { expires: _, ...rest }]) => [key, rest]))

function expectSame<Action extends string>(sent: Uint8Array, expected: Outcome<Action>, actual: RunResult<Action>): void {
  const sameFrame = Buffer.compare(actual.frame, expected.frame) === 0
  if (actual.verdict === expected.verdict && actual.action === expected.action && sameFrame) return
  throw new Error(
    [
      `the oracle says ${expected.verdict} (${expected.action}), the program ${actual.verdict} (${actual.action})`,
      `sent ${toHex(sent)}`,
      ...(sameFrame ? [] : [describeDifference(actual.frame, expected.frame)]),
    ].join('\n'),
  )
}

export class Director {
  readonly lb: LbFixture
  table: Table

  private constructor(lb: LbFixture, table: Table) {
    this.lb = lb
    this.table = table
  }

  /** A fresh program and fresh maps, given back when the test ends. */
  static async serving(table: Table, buckets?: number): Promise<Director> {
    const lb = await LbFixture.open(table, buckets)
    onTestFinished(() => lb[Symbol.dispose]())
    return new Director(lb, table)
  }

  /** As {@link serving}, with the program for the reals' side: {@link reply}. */
  static async withReplies(table: Table, buckets?: number): Promise<Director> {
    const director = await Director.serving(table, buckets)
    await director.lb.openReply()
    return director
  }

  /** As {@link serving}, with the program for what leaves the probes' namespace: {@link probe}. */
  static async withProbes(table: Table): Promise<Director> {
    const director = await Director.serving(table)
    await director.lb.openProbe()
    return director
  }

  #take(table: Table): void {
    this.table = table
    table.serviceCounters.clear()
    table.destCounters.clear()
  }

  /** Becomes another director, with the same VIPs. */
  become(table: Table): void {
    this.#take(table)
    this.lb.configure(table)
  }

  /** Forgets all conns, cursors and counters: those of `table` from here on, whose configuration is the same. */
  restart(table: Table): void {
    this.#take(table)
    this.lb.writeFlows(table)
  }

  /** Sends a frame in from the clients' side; the program must do exactly what the oracle says. */
  send(sent: Packet | Uint8Array): RunResult {
    const frame = bytesOf(sent)
    this.table.now = process.hrtime.bigint()
    const expected = judge(frame, INGRESS, this.table)
    const actual = this.lb.run(frame)
    expectSame(frame, expected, actual)
    return actual
  }

  /** Sends a frame out of the probes' namespace, as {@link send}. */
  probe(sent: Packet | Uint8Array): RunResult {
    const frame = bytesOf(sent)
    const expected = judgeProbe(frame, this.table)
    const actual = this.lb.probe(frame)
    expectSame(frame, expected, actual)
    return actual
  }

  /** Sends a frame in from a real, as {@link send}. */
  reply(sent: Packet | Uint8Array, direction: 'ingress' | 'egress' = 'ingress'): RunResult<TcAction> {
    const frame = bytesOf(sent)
    this.table.now = process.hrtime.bigint()
    const expected = judgeReply(frame, direction, INGRESS, this.table)
    const actual = this.lb.reply(frame, direction)
    expectSame(frame, expected, actual)
    return actual
  }

  /** Compares all that the packets left behind with what they left behind in the oracle. */
  expectSameState(): void {
    const conns = this.lb.flows()
    expect(timeless(living(conns))).toEqual(timeless(living(this.table.conns)))
    for (const [key, { expires }] of living(this.table.conns)) {
      const difference = (conns.get(key)?.expires ?? 0n) - expires
      expect(difference > -CLOCK_TOLERANCE_NS && difference < CLOCK_TOLERANCE_NS, `timer of ${key}`).toBe(true)
    }
    for (const { id } of this.table.services.values()) {
      expect(this.lb.cursor(id), `cursor of service ${id}`).toBe(this.table.cursors.get(id) ?? 0n)
      expect(this.lb.serviceCounters(id)).toEqual(this.table.serviceCounters.get(id) ?? NO_COUNTS)
    }
    for (const id of this.table.dests.keys()) {
      expect(this.lb.destCounters(id)).toEqual(this.table.destCounters.get(id) ?? NO_COUNTS)
    }
    this.expectExactCounts(conns)
  }

  /** The counts of every destination are those of the conns in the table, which does not contradict itself. */
  expectExactCounts(conns: Map<string, Conn> = this.lb.flows()): void {
    for (const id of this.table.dests.keys()) {
      const counted = countsOf({ ...this.table, conns }, id)
      expect({ id, ...this.lb.destState(id) }).toEqual({ id, ...counted })
    }
    expect(contradictions(this.lb.maps, liveConns(this.lb.maps), this.lb.tick())).toEqual([])
  }
}
