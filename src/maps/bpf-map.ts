import { errnoOf } from '../errors.js'
import type { NativeMap } from '../native.js'
import type { Codec } from './codec.js'
import type { Packed } from './raw-map.js'
import { UpdateFlag } from './raw-map.js'
import { TypedMap } from './typed-map.js'

/**
 * A map in the kernel, shaped like a JavaScript `Map`. Each single operation is atomic against programs and other
 * processes; an iteration is not. A missing key is `undefined`; real failures throw a `NativeError`.
 */
export class BpfMap<K, V> extends TypedMap<K> {
  readonly valueCodec: Codec<V>

  constructor(native: NativeMap, keyCodec: Codec<K>, valueCodec: Codec<V>) {
    super(native, keyCodec)
    this.valueCodec = valueCodec
  }

  get(key: K): V | undefined {
    const bytes = this.raw.get(this.keyCodec.encode(key))
    return bytes === undefined ? undefined : this.valueCodec.decode(bytes)
  }

  /** Adds or replaces. Throws `E2BIG` when the map is full, and in an array for an index past the end. */
  set(key: K, value: V): this {
    this.raw.set(this.keyCodec.encode(key), this.valueCodec.encode(value))
    return this
  }

  /** Adds; false (and nothing changed) when the key is there already. */
  insert(key: K, value: V): boolean {
    try {
      this.raw.set(this.keyCodec.encode(key), this.valueCodec.encode(value), UpdateFlag.noExist)
      return true
    } catch (error) {
      if (errnoOf(error) === 'EEXIST') return false
      throw error
    }
  }

  /** As many {@link set} in few system calls (Linux 5.6; arrays and hashes). When it throws, a part may be written. */
  setMany(entries: Iterable<readonly [K, V]>): void {
    this.raw.setPacked(pack(entries, this.keyCodec, this.valueCodec))
  }

  /**
   * All elements, read in batches of copies. Deleting while iterating is safe. What others add or delete meanwhile may
   * or may not be seen.
   */
  *entries(): Generator<[K, V]> {
    for (const batch of this.raw.batches()) {
      for (let index = 0; index < batch.count; index++) yield this.decodeElement(batch, index)
    }
  }

  /** As {@link entries}, with the reading off the event loop: for maps of a million conns. */
  async *entriesAsync(): AsyncGenerator<[K, V]> {
    for await (const batch of this.raw.batchesAsync()) {
      for (let index = 0; index < batch.count; index++) yield this.decodeElement(batch, index)
    }
  }

  *values(): Generator<V> {
    for (const batch of this.raw.batches()) {
      for (let index = 0; index < batch.count; index++) {
        yield this.valueCodec.decode(batch.values, index * this.raw.valueBytes)
      }
    }
  }

  [Symbol.iterator](): Generator<[K, V]> {
    return this.entries()
  }

  private decodeElement({ keys, values }: Packed, index: number): [K, V] {
    return [
      this.keyCodec.decode(keys, index * this.keyCodec.size),
      this.valueCodec.decode(values, index * this.raw.valueBytes),
    ]
  }
}

function pack<K, V>(entries: Iterable<readonly [K, V]>, keyCodec: Codec<K>, valueCodec: Codec<V>): Packed {
  const list = [...entries]
  const keys = Buffer.alloc(list.length * keyCodec.size)
  const values = Buffer.alloc(list.length * valueCodec.size)
  list.forEach(([key, value], index) => {
    keyCodec.encodeInto(key, keys, index * keyCodec.size)
    valueCodec.encodeInto(value, values, index * valueCodec.size)
  })
  return { keys, values, count: list.length }
}
