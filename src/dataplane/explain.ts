/** What the dataplane would do with a packet: the same program, loaded once more so that it changes nothing. */
import { Collection } from '../loader/collection.js'
import type { Explanation } from '../maps/generated.js'
import { explanationCodec, xdpLb } from '../maps/generated.js'
import type { NetworkNamespace } from '../system/netns.js'
import type { Instance } from './instance.js'
import type { LbMaps } from './lb-maps.js'
import { specOf } from './loaded-objects.js'

/** What a program loaded with `lb_dry_run` says of one frame. */
export interface DryRunResult {
  /** `enum lb_verdict`. */
  verdict: number
  /** The frame as it would leave. */
  output: Buffer
  explanation: Explanation
}

/** The dataplane of an instance as it was when this was opened, to be asked what it would do. */
export interface DryRun extends Disposable {
  /**
   * @param frame - from the Ethernet header on, at least 14 bytes
   * @param ifindex - the interface that it comes in by, which must exist in the instance's network namespace
   */
  run(frame: Uint8Array, ifindex: number): DryRunResult
}

/**
 * Loads the program again over the maps of `instance`. What it would write goes to maps of its own: schedulers start from
 * a copy of what they remember, all counters from zero.
 *
 * @param namespace - the one that the instance was attached in
 * @throws what {@link Collection.load} throws; VeerError `LB_ERR_OBJECT_MISSING`
 */
export async function openDryRun(instance: Instance, namespace: NetworkNamespace): Promise<DryRun> {
  const spec = specOf(xdpLb, instance.maps.conns.info.maxEntries)
  spec.constants.set('lb_dry_run', 1)
  const collection = await Collection.load(spec, xdpLb, { mapReplacements: sharedMaps(instance.maps) })
  for (const name of COPIED) copyArray(instance.maps[name].raw, collection.maps[name].raw)
  return new LoadedDryRun(collection, namespace)
}

/** What the program writes although it changes nothing: these start empty, … */
const PRIVATE = ['explanation', 'fragments', 'limits', 'sweeper', 'verdicts', 'svcStats', 'destStats'] as const
/** … and these with what the instance's hold, since decisions depend on it. */
const COPIED = ['schedState', 'destState'] as const

function sharedMaps(maps: LbMaps): Partial<LbMaps> {
  const own = new Set<string>([...PRIVATE, ...COPIED])
  return Object.fromEntries(Object.entries(maps).filter(([name]) => !own.has(name)))
}

function copyArray(from: LbMaps['destState']['raw'], to: LbMaps['destState']['raw']): void {
  for (const batch of from.batches()) to.setPacked(batch)
}

const NOTHING = explanationCodec.decode(Buffer.alloc(explanationCodec.size), 0)
/** The context of a frame that came in by an interface: `struct xdp_md` of include/uapi/linux/bpf.h, in host order. */
function contextOf(frame: Uint8Array, ifindex: number): Uint8Array {
  const [data, dataEnd, dataMeta, rxQueue, egressIfindex] = [0, frame.length, 0, 0, 0]
  return new Uint8Array(Uint32Array.of(data, dataEnd, dataMeta, ifindex, rxQueue, egressIfindex).buffer)
}

class LoadedDryRun implements DryRun {
  readonly #collection: Collection<typeof xdpLb>
  readonly #namespace: NetworkNamespace

  constructor(collection: Collection<typeof xdpLb>, namespace: NetworkNamespace) {
    this.#collection = collection
    this.#namespace = namespace
  }

  run(frame: Uint8Array, ifindex: number): DryRunResult {
    const { maps, programs } = this.#collection
    maps.explanation.set(0, NOTHING)
    const options = { data: frame, context: contextOf(frame, ifindex) }
    // The kernel looks the interface up in the namespace of whoever asks.
    const { data } = this.#namespace.run(() => programs.xdpLb.run(options))
    const explanation = maps.explanation.get(0) ?? NOTHING
    return { verdict: explanation.verdict, output: data, explanation }
  }

  [Symbol.dispose](): void {
    this.#collection.close()
  }
}
