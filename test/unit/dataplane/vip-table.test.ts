import { describe, expect, it } from 'vitest'
import { VipTable } from '../../../src/dataplane/vip-table.js'
import type { BpfMap } from '../../../src/maps/bpf-map.js'
import type { VipBucket } from '../../../src/maps/generated.js'
import { Limit, vipBucketCodec } from '../../../src/maps/generated.js'

/** vip_buckets as plain JavaScript: like the kernel's, it hands out copies. */
function plainBuckets(): BpfMap<number, VipBucket> {
  const free = { id: 0, family: 0, present: 0, addr: { word: [0, 0, 0, 0] } }
  const empty = { overflow: 0, slot: Array.from({ length: Limit.vipWays }, () => free) }
  const buckets = Array.from({ length: Limit.vipBuckets }, () => structuredClone(empty))
  return {
    get: (index: number) => structuredClone(buckets[index]),
    set: (index: number, bucket: VipBucket) => (buckets[index] = structuredClone(bucket)),
    raw: { readAll: () => Buffer.concat(buckets.map((each) => vipBucketCodec.encode(each))) },
  } as unknown as BpfMap<number, VipBucket>
}

const FAMILIES: [string, (index: number) => string][] = [
  ['IPv4 addresses that follow each other', (index) => `203.0.${100 + (index >> 8)}.${index & 255}`],
  ['IPv4 networks that follow each other', (index) => `${1 + (index >> 8)}.${index & 255}.0.1`],
  ['IPv6 addresses that follow each other', (index) => `2001:db8::${(index + 1).toString(16)}`],
  ['IPv6 networks that follow each other', (index) => `2001:db8:${(index + 1).toString(16)}::1`],
]

describe('the VIP table', () => {
  it('gives back what was put in and not taken out', () => {
    const table = new VipTable(plainBuckets())
    table.add({ address: '203.0.113.1', id: 7 })
    table.add({ address: '2001:db8::1', id: 9 })
    table.remove('203.0.113.2')
    expect([...table.entries()].sort((a, b) => a.id - b.id)).toEqual([
      { address: '203.0.113.1', id: 7 },
      { address: '2001:db8::1', id: 9 },
    ])
    table.remove('203.0.113.1')
    expect([...table.entries()]).toEqual([{ address: '2001:db8::1', id: 9 }])
  })

  it.each(FAMILIES)('holds as many as there may be VIPs, when they are %s', (_, addressOf) => {
    const table = new VipTable(plainBuckets())
    const all = Array.from({ length: Limit.maxVips }, (__, id) => ({ address: addressOf(id), id }))
    for (const vip of all) table.add(vip)
    expect([...table.entries()].sort((a, b) => a.id - b.id)).toEqual(all)
    for (const { address } of all) table.remove(address)
    expect([...table.entries()]).toEqual([])
  })
})
