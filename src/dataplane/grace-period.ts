import { MapType } from '../maps/map-type.js'
import type { NativeMap } from '../native.js'
import { native } from '../native.js'

/**
 * Waits until every program that was running when it was called has returned. The kernel does that (an RCU grace
 * period) before an update of a map of maps returns to user space: maybe_wait_bpf_programs(), kernel/bpf/syscall.c.
 */
export class GracePeriod implements Disposable {
  readonly #inner: NativeMap
  readonly #outer: NativeMap

  constructor() {
    const array = { keySize: 4, valueSize: 4, maxEntries: 1 }
    this.#inner = native().createMap({ ...array, type: MapType.array, name: 'grace_inner' })
    this.#outer = native().createMap({
      ...array,
      type: MapType.arrayOfMaps,
      name: 'grace_outer',
      innerMap: this.#inner,
    })
  }

  /** Milliseconds, in which the event loop stands still. */
  wait(): void {
    const fd = Buffer.from(Uint32Array.of(this.#inner.fd).buffer)
    this.#outer.update(Buffer.alloc(4), fd, 0)
  }

  [Symbol.dispose](): void {
    this.#outer.close()
    this.#inner.close()
  }
}
