/** The addresses that are VIPs, as the dataplane looks them up; bpf/lib/vip.h reads what is written here. */
import { VeerError } from '../errors.js'
import type { BpfMap } from '../maps/bpf-map.js'
import { offsetOf } from '../maps/codec.js'
import type { VipBucket, VipSlot } from '../maps/generated.js'
import { addrCodec, Limit, vipBucketCodec, vipSlotCodec } from '../maps/generated.js'
import { addressFromWords, addressToWords, familyOf } from '../net/address.js'
import { hashBytes } from './hash.js'

const FREE: VipSlot = { id: 0, family: 0, present: 0, addr: { word: [0, 0, 0, 0] } }

/** A VIP's address and its id. */
export interface VipEntry {
  address: string
  id: number
}

/**
 * A hash table over `vip_buckets`. Each VIP lies in the first of its two buckets that has room; a bucket that was
 * full when one came says so, so that only then the second is looked at.
 */
export class VipTable {
  readonly #map: BpfMap<number, VipBucket>

  constructor(map: BpfMap<number, VipBucket>) {
    this.#map = map
  }

  entries(): VipEntry[] {
    return vipsIn(this.#map.raw.readAll())
  }

  /** Adds an address that is not there. Throws `LB_ERR_VIP_NO_ROOM` when both its buckets are full. */
  add({ address, id }: VipEntry): void {
    const addr = addressToWords(address)
    const [first, second] = bucketsOf(address)
    const home = this.#bucket(first)
    const index = home.slot.some(isFree) ? first : second
    const bucket = index === first ? home : this.#bucket(second)
    const way = bucket.slot.findIndex(isFree)
    if (way < 0) throw noRoom(address)
    if (index === second && home.overflow === 0) this.#map.set(first, { ...home, overflow: 1 })
    // Twice: the slot is complete before it counts, whatever the order in which the kernel copies bytes.
    for (const present of [0, 1]) {
      bucket.slot[way] = { id, family: familyOf(address), present, addr }
      this.#map.set(index, bucket)
    }
  }

  /** Takes an address out; one that is not there is no error. */
  remove(address: string): void {
    const words = JSON.stringify(addressToWords(address).word)
    for (const index of bucketsOf(address)) {
      const bucket = this.#bucket(index)
      const way = bucket.slot.findIndex((slot) => slot.present === 1 && JSON.stringify(slot.addr.word) === words)
      if (way < 0) continue
      bucket.slot[way] = FREE
      this.#map.set(index, bucket)
    }
  }

  /** With the overflow mark as it is now: {@link add} may have set it since. */
  #bucket(index: number): VipBucket {
    const bucket = this.#map.get(index)
    if (bucket === undefined) throw new RangeError(`vip_buckets has no entry ${index}`)
    return bucket
  }
}

/** With random addresses this does not happen below the limit of VIPs; addresses made for it could. */
function noRoom(address: string): VeerError {
  return new VeerError('LB_ERR_VIP_NO_ROOM', `no room for the VIP ${address}: both its places in the table are full`, {
    hint: 'choose another address, or fewer VIPs',
  })
}

const SLOTS = offsetOf(vipBucketCodec, 'slot')
const PRESENT = offsetOf(vipSlotCodec, 'present')

/** Nearly all slots are free, and need no decoding. */
function vipsIn(values: Buffer): VipEntry[] {
  const found: VipEntry[] = []
  for (let bucket = SLOTS; bucket < values.length; bucket += vipBucketCodec.size) {
    for (let way = 0; way < Limit.vipWays; way++) {
      const at = bucket + way * vipSlotCodec.size
      if (values[at + PRESENT] !== 1) continue
      const { addr, id } = vipSlotCodec.decode(values, at)
      found.push({ address: addressFromWords(addr), id })
    }
  }
  return found
}

const isFree = ({ present }: VipSlot): boolean => present === 0

function bucketsOf(address: string): [number, number] {
  const hash = hashBytes(0n, addrCodec.encode(addressToWords(address)))
  const mask = BigInt(Limit.vipBuckets - 1)
  return [Number((hash >> 32n) & mask), Number(hash & mask)]
}
