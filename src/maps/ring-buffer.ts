import type { NativeMap } from '../native.js'
import { native } from '../native.js'
import type { Codec } from './codec.js'
import { RawMap } from './raw-map.js'

/** A BPF ring buffer (Linux 5.8): records from programs, in order, to one reader. */
export class RingBuffer<T> implements Disposable {
  readonly raw: RawMap
  readonly #codec: Codec<T>
  readonly #readers = new Set<{ close(): void }>()

  constructor(handle: NativeMap, codec: Codec<T>) {
    this.raw = new RawMap(handle)
    this.#codec = codec
  }

  /**
   * Calls back on the event loop for each record, which keeps the process alive until the returned object is disposed.
   * Records longer than the type are decoded from their beginning.
   */
  subscribe(onRecord: (record: T) => void): Disposable {
    const reader = native().openRingBuffer(this.raw.native, (record) => onRecord(this.#codec.decode(record)))
    this.#readers.add(reader)
    return {
      [Symbol.dispose]: () => {
        this.#readers.delete(reader)
        reader.close()
      },
    }
  }

  pin(path: string): void {
    this.raw.pin(path)
  }

  /** Ends all subscriptions and gives up our handle. */
  close(): void {
    for (const reader of this.#readers) reader.close()
    this.#readers.clear()
    this.raw.close()
  }

  [Symbol.dispose](): void {
    this.close()
  }
}
