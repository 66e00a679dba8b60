/**
 * Makes the maps what a plan says, make-before-break:
 *
 *   1. interfaces, peers, destinations, counters of new ids, rings, VIPs: nothing refers to them yet
 *   2. the services of the next era
 *   3. settings.era is flipped: from this word on new flows see the new configuration, all of it
 *   4. VIP attributes, peers that are gone; destinations that are gone lose their generation, and with it their conns
 *   5. after a grace period, when no program still reads the old era: its services, rings and VIPs are deleted
 *
 * What fails before step 3 is undone and the old configuration goes on serving.
 */
import { GracePeriod } from '../dataplane/grace-period.js'
import { InterfaceTable } from '../dataplane/interface-table.js'
import type { LbMaps } from '../dataplane/lb-maps.js'
import { pingSourceKey } from '../dataplane/ping-sources.js'
import { removeRings, storeRings } from '../dataplane/ring-store.js'
import { VipTable } from '../dataplane/vip-table.js'
import type { DestState, SchedState, ServiceKey, Vip } from '../maps/generated.js'
import { macBytes } from '../net/mac.js'
import type { Writes } from './writes.js'
import { sealed } from './writes.js'

/** Runs inside the network namespace of the interfaces: tx_ports takes devices by index. */
export function applyReconciliation(maps: LbMaps, plan: Writes): void {
  const undo = new UndoLog()
  const era = plan.live.settings.era ^ 1
  try {
    writeInterfaces(maps, plan, undo)
    writePeers(maps, plan, undo)
    writePingSources(maps, plan, undo)
    writeDestinations(maps, plan, undo)
    const ringIds = writeRings(maps, plan, undo)
    addVips(maps, plan, undo)
    writeServices(maps, plan, { era, ringIds }, undo)
    maps.settings.set(0, { ...plan.live.settings, ...plan.settings, era })
  } catch (error) {
    undo.run()
    throw error
  }
  retire(maps, plan)
  sweep(maps, plan)
}

/** What to do, last first, to be where we were. */
class UndoLog {
  readonly #steps: (() => void)[] = []

  add(step: () => void): void {
    this.#steps.push(step)
  }

  /** A step that fails does not keep the others from being undone; what it leaves, the next plan finds. */
  run(): void {
    for (const step of this.#steps.reverse()) {
      try {
        step()
      } catch {
        continue
      }
    }
  }
}

function writeInterfaces(maps: LbMaps, plan: Writes, undo: UndoLog): void {
  const table = new InterfaceTable(maps.interfaces)
  for (const [ifindex, value] of plan.writeInterfaces) {
    const before = table.get(ifindex)
    undo.add(() => {
      if (before === undefined) table.delete(ifindex)
      else table.set(ifindex, before)
    })
    table.set(ifindex, value)
    const had = plan.live.txPorts.has(ifindex)
    maps.txPorts.set(ifindex, ifindex)
    if (!had) undo.add(() => maps.txPorts.delete(ifindex))
  }
}

function writePeers(maps: LbMaps, plan: Writes, undo: UndoLog): void {
  const keys = plan.writePeers.map((mac) => ({ mac: macBytes(mac) }))
  undo.add(() => maps.peers.deleteMany(keys))
  maps.peers.setMany(keys.map((key) => [key, 1]))
}

function writePingSources(maps: LbMaps, plan: Writes, undo: UndoLog): void {
  const keys = plan.writePingSources.map(pingSourceKey)
  undo.add(() => keys.forEach((key) => maps.pingSources.delete(key)))
  for (const key of keys) maps.pingSources.set(key, 1)
}

const NO_SCHED_STATE: SchedState = { cursor: 0n, dest: 0, generation: 0, used: 0, modified: 0 }
const NO_DEST_STATE: DestState = { conns: 0n, persistent: 0, overloaded: 0, inSet: 0 }

function writeDestinations(maps: LbMaps, plan: Writes, undo: UndoLog): void {
  const zero = plan.newServiceIds
  maps.svcStats.zeroMany(zero)
  maps.schedState.setMany(zero.map((id) => [id, NO_SCHED_STATE]))
  maps.destStats.zeroMany(plan.newDestIds)
  maps.destState.setMany(plan.newDestIds.map((id) => [id, NO_DEST_STATE]))

  const before = plan.writeDests.map(([id]) => [id, maps.dests.get(id)] as const)
  undo.add(() => {
    for (const [id, value] of before) if (value !== undefined) maps.dests.set(id, value)
  })
  maps.dests.setMany(plan.writeDests)
}

/** @returns the ids of the rings' maps, by index */
function writeRings(maps: LbMaps, plan: Writes, undo: UndoLog): ReadonlyMap<number, number> {
  const rings = plan.services.flatMap(({ ring }) => ring ?? [])
  if (rings.length === 0) return new Map()
  const ids = storeRings(maps, rings)
  undo.add(() => removeRings(maps, [...ids.keys()]))
  return ids
}

/** New VIPs; until the era is flipped they have no service and their packets go to the host, as before. */
function addVips(maps: LbMaps, plan: Writes, undo: UndoLog): void {
  const table = new VipTable(maps.vipBuckets)
  for (const vip of plan.vips.filter(({ live }) => live === undefined)) {
    undo.add(() => table.remove(vip.address))
    maps.vips.set(vip.id, vip.value)
    table.add(vip)
  }
}

function writeServices(
  maps: LbMaps,
  plan: Writes,
  { era, ringIds }: { era: number; ringIds: ReadonlyMap<number, number> },
  undo: UndoLog,
): void {
  maps.services.deleteMany(plan.live.staleKeys)
  const entries = plan.services.map((step) => {
    const ringId = step.ring && ringIds.get(step.ring.index)
    return [{ ...step.key, era }, sealed(step, ringId)] as const
  })
  undo.add(() => maps.services.deleteMany(entries.map(([key]) => key)))
  maps.services.setMany(entries)
}

/** The old real gets nothing from here on. */
function retire(maps: LbMaps, plan: Writes): void {
  maps.dests.setMany(plan.retireDests)
  const changed = plan.vips.filter(({ live, value }) => live === undefined || !sameVip(live.value, value))
  maps.vips.setMany(changed.map(({ id, value }) => [id, value]))
  maps.peers.deleteMany(plan.removePeers.map((mac) => ({ mac: macBytes(mac) })))
  const interfaces = new InterfaceTable(maps.interfaces)
  for (const network of plan.removePingSources) maps.pingSources.delete(pingSourceKey(network))
  for (const ifindex of plan.removeInterfaces) {
    maps.txPorts.delete(ifindex)
    interfaces.delete(ifindex)
  }
}

function sameVip(a: Vip, b: Vip): boolean {
  const sameAddress = a.addr.word.every((word, index) => word === b.addr.word[index])
  return sameAddress && a.flags === b.flags && a.echo === b.echo && a.up === b.up
}

function sweep(maps: LbMaps, plan: Writes): void {
  const oldKeys: ServiceKey[] = plan.live.services.map(({ key }) => key)
  if (oldKeys.length === 0 && plan.removeVips.length === 0 && plan.removeRings.length === 0) return
  using grace = new GracePeriod()
  grace.wait()
  maps.services.deleteMany(oldKeys)
  const table = new VipTable(maps.vipBuckets)
  for (const { address } of plan.removeVips) table.remove(address)
  removeRings(maps, plan.removeRings)
}
