/** A dataplane that is pinned and attached nowhere, for tests that apply configurations to it and send frames in. */
import { onTestFinished } from 'vitest'
import { applyReconciliation } from '../../src/control/apply.js'
import type { HealthOutcome, HealthWish } from '../../src/control/apply-health.js'
import { applyHealthSlice, inSlices } from '../../src/control/apply-health.js'
import type { Reconciliation } from '../../src/control/reconcile.js'
import { reconcile } from '../../src/control/reconcile.js'
import { Instance } from '../../src/dataplane/instance.js'
import type { LbMaps } from '../../src/dataplane/lb-maps.js'
import type { LiveState } from '../../src/dataplane/live-state.js'
import { readLiveState } from '../../src/dataplane/live-state.js'
import { NO_RING, readRing, ringSlots } from '../../src/dataplane/ring-store.js'
import type { Config } from '../../src/config/schema.js'
import { verdictNames } from '../../src/maps/generated.js'
import { macFromBytes } from '../../src/net/mac.js'
import type { Packet } from '../support/packet/build.js'
import type { TargetOptions } from '../unit/control/support.js'
import { observe, targetOf } from '../unit/control/support.js'

export interface Delivery {
  verdict: string
  /** The destination MAC of the frame as it would leave. */
  to: string
}

export class Kernel {
  readonly instance: Instance

  private constructor(instance: Instance) {
    this.instance = instance
  }

  /** A fresh dataplane, given back when the test ends. */
  static async open(config?: Config): Promise<Kernel> {
    const instance = await Instance.load({ name: 'test', bpffs: '/nonexistent' }, { maxConns: 1000, netns: 0n })
    onTestFinished(() => instance.close())
    const kernel = new Kernel(instance)
    if (config !== undefined) kernel.become(config)
    return kernel
  }

  get maps(): LbMaps {
    return this.instance.maps
  }

  live(): LiveState {
    return readLiveState(this.maps)
  }

  plan(config: Config, options: TargetOptions = {}): Reconciliation {
    const live = this.live()
    return reconcile(live, targetOf(config, { live, hz: live.settings.hz, ...options }))
  }

  become(config: Config, options?: TargetOptions): Reconciliation {
    const plan = this.plan(config, options)
    applyReconciliation(this.maps, plan)
    return plan
  }

  /** Marks destinations `up` or `down`, by destinationKey(). */
  mark(config: Config, changes: Record<string, 'up' | 'down'>): Promise<HealthOutcome> {
    return this.#wish(config, { changes: new Map(Object.entries(changes)), advance: new Set() })
  }

  /** Takes slow starts on by a step. */
  advance(config: Config): Promise<HealthOutcome> {
    return this.#wish(config, { changes: new Map() })
  }

  #wish(config: Config, wish: HealthWish): Promise<HealthOutcome> {
    return inSlices(wish, (left) => applyHealthSlice(this.maps, config, left))
  }

  /** As `observe` of the unit tests; with the slots as they are in the kernel. */
  observe(): object {
    return observe(this.live(), ({ ring, ringSize }) => {
      return ringSlots(readRing(this.maps, this.maps.rings.getId(ring) ?? NO_RING) ?? Buffer.alloc(0), ringSize)
    })
  }

  send(packet: Packet): Delivery {
    const before = new Map(this.maps.verdicts.sums())
    const { data } = this.instance.programs.xdp.run({ data: packet.bytes() })
    const counted = [...this.maps.verdicts.sums()].filter(([index, count]) => count !== before.get(index))
    const verdict = counted.map(([index]) => verdictNames[index]).join(' ')
    return { verdict, to: macFromBytes(data.subarray(0, 6)) }
  }

  /** Makes the dataplane forget all flows. */
  forgetConns(): void {
    const { raw } = this.maps.conns
    const count = raw.info.maxEntries
    const keys = Buffer.from(Uint32Array.from({ length: count }, (_, index) => index).buffer)
    raw.setPacked({ keys, values: Buffer.alloc(count * raw.valueBytes), count })
  }
}
