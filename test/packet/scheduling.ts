/**
 * A service whose destinations a test makes up for each new flow: weights, conns, thresholds and memory are written to
 * the maps, and the frame that comes out tells which destination was chosen.
 */
import { onTestFinished } from 'vitest'
import { Scheduler, ServiceFlag, type Dest, type SchedState, type ServiceKey } from '../../src/maps/generated.js'
import { addressToWords } from '../../src/net/address.js'
import { macBytes, macFromBytes } from '../../src/net/mac.js'
import { bitsOf } from '../support/lb/names.js'
import { ERA, LbFixture } from '../support/lb-fixture.js'
import { hashOfKey } from '../support/oracle/schedule.js'
import type { Candidate, NewFlow } from '../support/oracle/scheduler.js'
import type { SchedulerName } from '../support/oracle.js'
import { CLIENT, connOf, destId, PORT, request, serviceId, VIP, VIP_ID, world, type Family } from './world.js'

const FIRST_DEST = 3000
/** Beside those that the fixture writes. */
const RING = 255
/** A day and more at any tick. */
const LIFETIME = 2 ** 24
const PROTOCOL = { tcp: 6 } as const

const macOf = (index: number): string => `02:00:00:01:${[index >> 8, index & 255].map(hex).join(':')}`
const hex = (byte: number): string => byte.toString(16).padStart(2, '0')

export interface Options {
  ports?: boolean
  fallback?: boolean
}

export class Scheduling {
  readonly #lb: LbFixture
  readonly #family: Family
  readonly #dest: Dest
  #clientPort = 1024

  private constructor(lb: LbFixture, family: Family) {
    this.#lb = lb
    this.#family = family
    const dest = lb.maps.dests.get(destId(family, 'tcp', 0))
    if (dest === undefined) throw new Error('the world has no such destination')
    // A threshold that is never reached, nor fallen below: what a test says stays.
    this.#dest = { ...dest, upper: 0xffff_ffff, lower: 1 }
    lb.maps.settings.set(0, { ...lb.maps.settings.get(0)!, lblcTicks: LIFETIME })
  }

  /** A fresh program and fresh maps, given back when the test ends. */
  static async open(family: Family): Promise<Scheduling> {
    const lb = await LbFixture.open(world())
    onTestFinished(() => lb[Symbol.dispose]())
    return new Scheduling(lb, family)
  }

  get lifetime(): number {
    return LIFETIME
  }

  get #service(): number {
    return serviceId(this.#family, 'tcp')
  }

  get #key(): ServiceKey {
    return { vip: VIP_ID[this.#family], port: PORT, protocol: PROTOCOL.tcp, era: ERA }
  }

  /** The service has this ring, of indices into the destinations, and starts without memory. */
  serve(scheduler: SchedulerName, ring: ArrayLike<number>, options: Options = {}): void {
    const { maps } = this.#lb
    const chunks = Math.ceil(ring.length / 64)
    const inner = maps.rings.createInner({ name: 'ring', maxEntries: Math.max(chunks, 1) })
    for (let chunk = 0; chunk < chunks; chunk += 1) {
      const slot = Array.from({ length: 64 }, (_, at) => FIRST_DEST + (ring[chunk * 64 + at] ?? 0))
      inner.set(chunk, { slot })
    }
    maps.rings.set(RING, inner)
    inner.close()
    const flags = bitsOf(ServiceFlag, { ...options, noRealDrop: true })
    const service = maps.services.get(this.#key)!
    const change = { scheduler: Scheduler[scheduler], ring: RING, ringSize: ring.length, flags }
    maps.services.set(this.#key, { ...service, ...change })
    this.remember({ cursor: 0n, dest: 0, generation: 0, used: 0, modified: 0 })
  }

  remember(memory: Partial<SchedState>): void {
    const { schedState } = this.#lb.maps
    schedState.set(this.#service, { ...schedState.get(this.#service)!, ...memory })
  }

  get memory(): SchedState {
    return this.#lb.maps.schedState.get(this.#service)!
  }

  /** So much later: what was remembered is as much older. */
  age(ticks: number): void {
    const { used, modified } = this.memory
    this.remember({ used: (used - ticks) >>> 0, modified: (modified - ticks) >>> 0 })
  }

  /** The destinations, by index; `members` are those in the set of lblcr. */
  write(candidates: readonly Candidate[], members: ReadonlySet<number> = new Set()): void {
    const { dests, destState } = this.#lb.maps
    dests.setMany(
      candidates.map(({ id, weight }) => [
        FIRST_DEST + id,
        { ...this.#dest, mac: macBytes(macOf(id)), weight, effectiveWeight: weight },
      ]),
    )
    destState.setMany(
      candidates.map(({ id, active, inactive, overloaded }) => [
        FIRST_DEST + id,
        {
          conns: (BigInt(active) << 32n) | BigInt(inactive),
          persistent: 0,
          overloaded: overloaded ? 1 : 0,
          inSet: members.has(id) ? 1 : 0,
        },
      ]),
    )
  }

  /** The indices of those in the set of lblcr. */
  members(candidates: readonly Candidate[]): Set<number> {
    const { destState } = this.#lb.maps
    return new Set(candidates.map(({ id }) => id).filter((id) => destState.get(FIRST_DEST + id)?.inSet === 1))
  }

  /** A flow that has not been there before. */
  newFlow(): NewFlow {
    this.#clientPort = this.#clientPort === 65535 ? 1024 : this.#clientPort + 1
    return {
      client: addressToWords(CLIENT[this.#family]),
      clientPort: this.#clientPort,
      vip: addressToWords(VIP[this.#family]),
      hash: hashOfKey(connOf(this.#family, 'tcp', this.#clientPort)),
    }
  }

  /** The index of the destination that a flow's first packet is sent to; undefined when there is none. */
  send(flow: NewFlow): number | undefined {
    const { verdict, frame } = this.#lb.run(request(this.#family, 'tcp', { sport: flow.clientPort }).bytes())
    if (verdict === 'dropNoReal') return undefined
    if (!verdict.startsWith('forward')) throw new Error(`a new flow had the verdict ${verdict}`)
    const mac = macFromBytes(frame.subarray(0, 6)).split(':')
    return parseInt(`${mac[4]}${mac[5]}`, 16)
  }
}
