/** Persistence (ip_vs_sched_persist(), ip_vs_check_template(), ip_vs_conn_expire() of net/netfilter/ipvs). */
import { addressFromWords, addressToWords } from '../../../src/net/address.js'
import { childrenOf, destinationOf } from './conns.js'
import type { Flow } from './decision.js'
import { templateKey, type Conn, type Destination, type Persistence, type Table } from './table.js'

/** The first `bits` of an address; IPv4 counts as ::ffff:a.b.c.d. */
function underPrefix(address: string, bits: number): string {
  const { word } = addressToWords(address)
  const masked = word.map((value, index) => {
    const kept = Math.max(0, Math.min(32, bits - 32 * index))
    return kept === 0 ? 0 : (value & (0xffffffff << (32 - kept))) >>> 0
  })
  return addressFromWords({ word: masked })
}

export const templateOf = (flow: Flow, persistence: Persistence): string =>
  templateKey({
    client: underPrefix(flow.client, persistence.prefix),
    vip: flow.vip.id,
    scope: persistence.scope,
  })

/** New conns of a template go to its destination unless that is gone, down, or quiesced. */
function takesTemplates(dest: Destination, persistence: Persistence): boolean {
  if (dest.effectiveWeight > 0) return true
  return dest.weight === 0 && dest.down !== true && !persistence.expireQuiescent
}

/** The same real in another service of its group. */
function inService(table: Table, destId: number, service: number): [number, Destination] | undefined {
  const real = table.dests.get(destId)
  return [...table.dests].find(
    ([, { live, service: own, address }]) => live && own === service && address === real?.address,
  )
}

/** The destination in a service that the client's template has for its next conn. */
export function affinity(
  table: Table,
  key: string,
  persistence: Persistence,
  service: number,
): number | undefined {
  const template = table.conns.get(key)
  if (template?.live !== true) return undefined
  if (template.expires <= table.now) {
    if (childrenOf(table, key).length === 0) return undefined
    const late = table.now - template.expires
    template.expires += (late / table.rearmNs + 1n) * table.rearmNs
  }
  if (destinationOf(table, template) === undefined) return undefined
  const [id, dest] = inService(table, template.dest, service) ?? []
  return dest !== undefined && takesTemplates(dest, persistence) ? id : undefined
}

/** The destination that a template names after a conn to this one: of a group it goes on naming the first. */
function namedAfter(table: Table, had: Conn | undefined, destId: number): Pick<Conn, 'dest' | 'generation'> {
  const wanted = table.dests.get(destId)
  const before = had?.live === true ? destinationOf(table, had) : undefined
  if (had !== undefined && before?.sibling !== undefined && before.address === wanted?.address) {
    return { dest: had.dest, generation: had.generation }
  }
  return { dest: destId, generation: wanted?.generation ?? 0 }
}

/** A new conn under a template: made, renewed, or given another destination. */
export function joinTemplate(table: Table, key: string, destId: number, persistence: Persistence): void {
  const had = table.conns.get(key)
  const named = namedAfter(table, had, destId)
  const goesOn = had?.live === true && (had.expires > table.now || childrenOf(table, key).length > 0)
  table.conns.set(key, {
    expires: table.now + persistence.timeoutNs,
    ...named,
    state: 'none',
    live: true,
    nooutput: false,
    noReuse: false,
    assured: goesOn && had.assured,
    control: undefined,
  })
}

/** A conn that was to be a child is none: one without any that was ever established ends. */
export function leaveTemplate(table: Table, key: string): void {
  const template = table.conns.get(key)
  if (template?.assured === false && childrenOf(table, key).length === 0) template.expires = table.now
}
