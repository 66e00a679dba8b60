import { errnoOf } from '../errors.js'
import type { NativeMap } from '../native.js'
import { native } from '../native.js'
import type { Codec } from './codec.js'
import { u32Codec } from './codec.js'
import type { MapDescriptor } from './descriptor.js'
import type { RawMap } from './raw-map.js'
import { TypedMap } from './typed-map.js'

/** Any typed map. */
export interface HasRaw extends Disposable {
  readonly raw: RawMap
  close(): void
}

/**
 * A map whose values are maps. Programs that hold an inner map of before keep it until they return; the kernel waits
 * for them (an RCU grace period, milliseconds) in every update and delete, which is what {@link setMany} saves.
 */
export class MapOfMaps<K, M extends HasRaw> extends TypedMap<K> {
  readonly inner: MapDescriptor<M>
  /** Reads what {@link ids} tells; whoever has a faster way than look-ups puts it here. */
  readIds: () => Iterable<[K, number]> = () => this.#lookUpIds()

  constructor(handle: NativeMap, keyCodec: Codec<K>, inner: MapDescriptor<M>) {
    super(handle, keyCodec)
    this.inner = inner
  }

  /** A new map that may be put in here. It lives while it is in here or has a handle: close it after {@link set}. */
  createInner(options: { name: string; maxEntries: number }): M {
    const { type, key, value, flags } = this.inner
    const handle = native().createMap({ ...options, type, keySize: key.size, valueSize: value.size, flags })
    return this.inner.open(handle)
  }

  /** The id of the inner map under `key`. Linux before 6.8 waits for a grace period. */
  getId(key: K): number | undefined {
    const bytes = this.raw.get(this.keyCodec.encode(key))
    return bytes === undefined ? undefined : u32Codec.decode(bytes)
  }

  /** The inner map under `key`, as a handle of its own that the caller closes. */
  get(key: K): M | undefined {
    const id = this.getId(key)
    return id === undefined ? undefined : this.openInner(id)
  }

  /** An inner map by its id, likewise; undefined when there is none any more. */
  openInner(id: number): M | undefined {
    try {
      return this.inner.open(native().mapById(id))
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return undefined
      throw error
    }
  }

  /** Puts `map` under `key`, in place of what was there. Costs an RCU grace period. */
  set(key: K, map: HasRaw): this {
    this.raw.set(this.keyCodec.encode(key), u32Codec.encode(map.raw.native.fd))
    return this
  }

  /** As many {@link set} for the price of one where the kernel has the batch operation. */
  setMany(entries: Iterable<readonly [K, HasRaw]>): void {
    const list = [...entries]
    const keys = Buffer.alloc(list.length * this.keyCodec.size)
    const values = Buffer.alloc(list.length * 4)
    list.forEach(([key, map], index) => {
      this.keyCodec.encodeInto(key, keys, index * this.keyCodec.size)
      u32Codec.encodeInto(map.raw.native.fd, values, index * 4)
    })
    this.raw.setPacked({ keys, values, count: list.length })
  }

  /** All keys that hold a map, with the inner maps' ids. */
  ids(): Iterable<[K, number]> {
    return this.readIds()
  }

  *#lookUpIds(): Generator<[K, number]> {
    for (const batch of this.raw.batches()) {
      for (let index = 0; index < batch.count; index++) {
        const id = u32Codec.decode(batch.values, index * 4)
        if (id !== 0) yield [this.keyCodec.decode(batch.keys, index * this.keyCodec.size), id]
      }
    }
  }
}
