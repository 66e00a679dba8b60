import { errnoOf } from '../errors.js'
import type { NativeBatch, NativeMap, NativeMapInfo } from '../native.js'
import { isArrayLike, MapType } from './map-type.js'

/** Flags of an update, include/uapi/linux/bpf.h. */
export const UpdateFlag = { any: 0, noExist: 1, exist: 2 } as const

/** A batch is at most this many bytes and elements, so that one system call stays short. */
const BATCH_BYTES = 1 << 20
const BATCH_ELEMENTS = 16_384

/** Keys and values of a map as they lie in memory, one after the other. */
export interface Packed {
  keys: Buffer
  values: Buffer
  count: number
}

/** Whether the kernel has no batch operation for this map type. */
export function isBatchUnsupported(error: unknown): boolean {
  return errnoOf(error) === 'ENOTSUPP'
}

/**
 * A map of bytes, whatever they mean. The typed maps are codecs over one of these.
 * A missing key is `undefined` (or `false`); everything else that fails throws a `NativeError`.
 */
export class RawMap implements Disposable {
  readonly native: NativeMap
  /** What the kernel said about the map when it was opened. */
  readonly info: NativeMapInfo
  /** Bytes of one value as user space sees it: per-CPU maps have one for each possible CPU, each rounded up to 8. */
  readonly valueBytes: number

  constructor(native: NativeMap) {
    this.native = native
    this.info = native.info()
    this.valueBytes = native.valueBytes
  }

  get name(): string {
    return this.info.name
  }

  get id(): number {
    return this.info.id
  }

  get(key: Uint8Array): Buffer | undefined {
    return this.native.lookup(key)
  }

  /** `flags`: {@link UpdateFlag}. */
  set(key: Uint8Array, value: Uint8Array, flags: number = UpdateFlag.any): void {
    this.native.update(key, value, flags)
  }

  /** False when there was no such key. */
  delete(key: Uint8Array): boolean {
    return this.native.delete(key)
  }

  /** How many elements go into one batch. */
  get batchSize(): number {
    const element = this.info.keySize + this.valueBytes
    return Math.max(1, Math.min(this.info.maxEntries, BATCH_ELEMENTS, Math.floor(BATCH_BYTES / element)))
  }

  /**
   * Everything in the map, `size` elements at a time. A batch is a copy, so elements may be deleted meanwhile; what
   * others add or delete during the walk may or may not be seen, and (kernel: generic hash maps) nothing is seen twice.
   */
  *batches(size: number = this.batchSize): Generator<Packed> {
    let batch: NativeBatch | undefined
    do {
      try {
        batch = this.native.lookupBatch(batch?.cursor, size)
      } catch (error) {
        if (batch !== undefined || !isBatchUnsupported(error)) throw error
        yield this.walk()
        return
      }
      if (batch.count > 0) yield batch
    } while (batch.cursor !== undefined)
  }

  /** As {@link batches}, reading off the event loop. */
  async *batchesAsync(): AsyncGenerator<Packed> {
    let batch: NativeBatch | undefined
    do {
      try {
        batch = await this.native.lookupBatchAsync(batch?.cursor, this.batchSize)
      } catch (error) {
        if (batch !== undefined || !isBatchUnsupported(error)) throw error
        yield this.walk()
        return
      }
      if (batch.count > 0) yield batch
    } while (batch.cursor !== undefined)
  }

  /**
   * Everything in a map that has no batch operations (devmaps, tries). The keys are read first: after a key that
   * has been deleted meanwhile the kernel starts over, so a key seen before ends the walk.
   */
  private walk(): Packed {
    const keys = new Map<string, Buffer>()
    let key = this.native.nextKey(undefined)
    while (key !== undefined && !keys.has(key.toString('latin1'))) {
      keys.set(key.toString('latin1'), key)
      key = this.native.nextKey(key)
    }
    const entries = [...keys.values()].map((each) => [each, this.native.lookup(each)] as const)
    const present = entries.filter((entry): entry is readonly [Buffer, Buffer] => entry[1] !== undefined)
    return {
      keys: Buffer.concat(present.map(([each]) => each)),
      values: Buffer.concat(present.map(([, value]) => value)),
      count: present.length,
    }
  }

  /** All values of an array or per-CPU array in one buffer, in the order of the indices. */
  readAll(): Buffer {
    if (!isArrayLike(this.info.type)) throw new TypeError(`${this.name} is no array: its values have no order`)
    const batches = [...this.batches(this.info.maxEntries)].map(({ values }) => values)
    return batches.length === 1 ? (batches[0] as Buffer) : Buffer.concat(batches)
  }

  /**
   * Writes packed keys and values, in batches; one by one where the kernel has no batch operation.
   * Not atomic: when it throws, elements before the failing one are written.
   */
  setPacked({ keys, values, count }: Packed, flags: number = UpdateFlag.any): void {
    const { keySize } = this.info
    const step = this.batchSize
    for (let from = 0; from < count; from += step) {
      const to = Math.min(count, from + step)
      const someKeys = keys.subarray(from * keySize, to * keySize)
      const someValues = values.subarray(from * this.valueBytes, to * this.valueBytes)
      try {
        this.native.updateBatch(someKeys, someValues, to - from, flags)
      } catch (error) {
        if (!isBatchUnsupported(error)) throw error
        this.setEach(someKeys, someValues, flags)
      }
    }
  }

  private setEach(keys: Buffer, values: Buffer, flags: number): void {
    const { keySize } = this.info
    for (let index = 0; index * keySize < keys.length; index++) {
      const value = values.subarray(index * this.valueBytes, (index + 1) * this.valueBytes)
      this.set(keys.subarray(index * keySize, (index + 1) * keySize), value, flags)
    }
  }

  /** Deletes packed keys; keys that are not there are passed over. */
  deletePacked(keys: Buffer, count: number): void {
    if (count === 0) return
    // For a map of maps the kernel waits a grace period even when it refuses the batch: bpf_map_do_batch().
    if (count === 1 || this.info.type === MapType.arrayOfMaps) {
      this.deleteEach(keys)
      return
    }
    try {
      this.native.deleteBatch(keys, count)
    } catch (error) {
      if (!isBatchUnsupported(error) && errnoOf(error) !== 'ENOENT') throw error
      this.deleteEach(keys)
    }
  }

  private deleteEach(keys: Buffer): void {
    const { keySize } = this.info
    for (let at = 0; at < keys.length; at += keySize) this.delete(keys.subarray(at, at + keySize))
  }

  /** User space can no longer write; programs still can. */
  freeze(): void {
    this.native.freeze()
  }

  pin(path: string): void {
    this.native.pin(path)
  }

  /** Gives up our handle; the map lives on while a pin, a program or another handle holds it. */
  close(): void {
    this.native.close()
  }

  [Symbol.dispose](): void {
    this.close()
  }
}
