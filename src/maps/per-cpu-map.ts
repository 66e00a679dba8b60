import type { NativeMap } from '../native.js'
import type { Codec } from './codec.js'
import { TypedMap } from './typed-map.js'

/**
 * A map that holds one value per possible CPU under each key. Programs write their own CPU's value without atomics,
 * so a sum read while packets flow is each CPU's latest value, not one instant.
 */
export class PerCpuMap<K, V> extends TypedMap<K> {
  readonly valueCodec: Codec<V>
  /** Possible CPUs, which may be more than are online. */
  readonly cpus: number
  readonly #stride: number

  constructor(native: NativeMap, keyCodec: Codec<K>, valueCodec: Codec<V>) {
    super(native, keyCodec)
    this.valueCodec = valueCodec
    this.#stride = Math.ceil(valueCodec.size / 8) * 8
    this.cpus = this.raw.valueBytes / this.#stride
  }

  /** The values of all CPUs, by CPU number. */
  get(key: K): V[] | undefined {
    const bytes = this.raw.get(this.keyCodec.encode(key))
    return bytes === undefined ? undefined : this.decodeAt(bytes, 0)
  }

  /** Writes every CPU's value: as many as {@link cpus}. */
  set(key: K, values: readonly V[]): this {
    if (values.length !== this.cpus) throw new RangeError(`${values.length} values given for ${this.cpus} CPUs`)
    const bytes = Buffer.alloc(this.raw.valueBytes)
    values.forEach((value, cpu) => this.valueCodec.encodeInto(value, bytes, cpu * this.#stride))
    this.raw.set(this.keyCodec.encode(key), bytes)
    return this
  }

  /** Writes the same value for every CPU. */
  fill(key: K, value: V): this {
    return this.set(key, new Array<V>(this.cpus).fill(value))
  }

  /** Sets every CPU's value to zero, under all of `keys`, in few system calls. */
  zeroMany(keys: Iterable<K>): void {
    const list = [...keys]
    const packed = Buffer.alloc(list.length * this.keyCodec.size)
    list.forEach((key, index) => this.keyCodec.encodeInto(key, packed, index * this.keyCodec.size))
    const values = Buffer.alloc(list.length * this.raw.valueBytes)
    this.raw.setPacked({ keys: packed, values, count: list.length })
  }

  /** The values of all CPUs added up, member by member. */
  sum(key: K): V | undefined {
    const values = this.get(key)
    return values === undefined ? undefined : total(values)
  }

  *entries(): Generator<[K, V[]]> {
    for (const batch of this.raw.batches()) {
      for (let index = 0; index < batch.count; index++) {
        const key = this.keyCodec.decode(batch.keys, index * this.keyCodec.size)
        yield [key, this.decodeAt(batch.values, index * this.raw.valueBytes)]
      }
    }
  }

  /** All keys with their {@link sum}. */
  *sums(): Generator<[K, V]> {
    for (const [key, values] of this.entries()) yield [key, total(values)]
  }

  [Symbol.iterator](): Generator<[K, V[]]> {
    return this.entries()
  }

  private decodeAt(bytes: Buffer, offset: number): V[] {
    return Array.from({ length: this.cpus }, (_, cpu) => this.valueCodec.decode(bytes, offset + cpu * this.#stride))
  }
}

/** The values added up into the first of them, which is given up. */
function total<V>(values: V[]): V {
  return values.reduce((sum, value) => add(sum, value))
}

/** Adds `b` to `a`: numbers, bigints (64-bit counters, which wrap), and arrays and structs of them in place. */
function add<V>(a: V, b: V): V {
  if (typeof a === 'bigint') return BigInt.asUintN(64, a + (b as bigint)) as V
  if (typeof a === 'number') return (a + (b as number)) as V
  if (typeof a !== 'object' || a instanceof Uint8Array) throw new TypeError(`a ${typeof a} cannot be added up`)
  const into = a as Record<string, unknown>
  for (const name in into) into[name] = add(into[name], (b as Record<string, unknown>)[name])
  return a
}
