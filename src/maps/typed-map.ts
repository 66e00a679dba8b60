import type { NativeMap, NativeMapInfo } from '../native.js'
import type { Codec } from './codec.js'
import { RawMap } from './raw-map.js'

/** What all typed maps share: a raw map and the codec of its keys. */
export abstract class TypedMap<K> implements Disposable {
  readonly raw: RawMap
  readonly keyCodec: Codec<K>

  constructor(native: NativeMap, keyCodec: Codec<K>) {
    this.raw = new RawMap(native)
    this.keyCodec = keyCodec
  }

  get name(): string {
    return this.raw.name
  }

  /** The kernel's id of the map. */
  get id(): number {
    return this.raw.id
  }

  get info(): NativeMapInfo {
    return this.raw.info
  }

  has(key: K): boolean {
    return this.raw.get(this.keyCodec.encode(key)) !== undefined
  }

  /** False when there was no such key. Arrays have no delete: `EINVAL`. */
  delete(key: K): boolean {
    return this.raw.delete(this.keyCodec.encode(key))
  }

  /** Deletes what is there of `keys`, in as few system calls as the kernel allows. */
  deleteMany(keys: Iterable<K>): void {
    const list = [...keys]
    const packed = Buffer.alloc(list.length * this.keyCodec.size)
    list.forEach((key, index) => this.keyCodec.encodeInto(key, packed, index * this.keyCodec.size))
    this.raw.deletePacked(packed, list.length)
  }

  /** All keys. Deleting while iterating is safe. */
  *keys(): Generator<K> {
    for (const batch of this.raw.batches()) {
      for (let index = 0; index < batch.count; index++) {
        yield this.keyCodec.decode(batch.keys, index * this.keyCodec.size)
      }
    }
  }

  pin(path: string): void {
    this.raw.pin(path)
  }

  /** Gives up our handle; the map lives on while a pin, a program or another handle holds it. */
  close(): void {
    this.raw.close()
  }

  [Symbol.dispose](): void {
    this.close()
  }
}
