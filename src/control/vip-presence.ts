/** That hosts find the VIPs: addresses that the host itself answers for, multicast filters, announcements. */
import type { LiveVip } from '../dataplane/live-state.js'
import type { LbMaps } from '../dataplane/lb-maps.js'
import { VipFlag } from '../maps/generated.js'
import { addressBytes, familyOf } from '../net/address.js'
import { macBytes, solicitedNodeMac } from '../net/mac.js'
import { native } from '../native.js'
import { errnoOf } from '../errors.js'
import { addHostAddress, bindingDevice, removeHostAddress } from '../system/host-address.js'
import type { NetworkNamespace } from '../system/netns.js'
import type { Neighbours } from './neighbours.js'
import type { Link } from './target.js'

/** A VIP with its flags, wanted or live. */
interface FlaggedVip {
  address: string
  flags: number
}

const has = (flags: number, flag: number): boolean => (flags & flag) !== 0

/**
 * Binds those of `vips`, as the maps hold them, that want it and are not bound, and writes down what was done. A VIP that
 * the host had already stays the host's: it is not ours to remove.
 */
export function bindVips(
  maps: Pick<LbMaps, 'vips'>,
  vips: readonly LiveVip[],
  namespace: NetworkNamespace,
  interfaceName: string,
): void {
  for (const { id, address, value } of vips) {
    if (!has(value.flags, VipFlag.bind) || has(value.flags, VipFlag.bound)) continue
    if (!addHostAddress(namespace, address, bindingDevice(address, interfaceName))) continue
    maps.vips.set(id, { ...value, flags: value.flags | VipFlag.bound })
  }
}

/** Takes away the addresses that we bound, of VIPs that are gone or that are announced otherwise now. */
export function unbindVips(
  before: readonly LiveVip[],
  wanted: ReadonlyMap<string, { flags: number }>,
  namespace: NetworkNamespace,
  interfaceName: string,
): void {
  for (const { address, value } of before) {
    if (!has(value.flags, VipFlag.bound) || has(wanted.get(address)?.flags ?? 0, VipFlag.bind)) continue
    removeHostAddress(namespace, address, bindingDevice(address, interfaceName))
  }
}

/**
 * Solicitations go to a multicast MAC that a network card lets through only when somebody asks for it; the host does
 * not, since the VIP is not its own.
 */
export function updateMulticastFilters(
  before: readonly FlaggedVip[],
  after: readonly FlaggedVip[],
  links: readonly Link[],
  namespace: NetworkNamespace,
): void {
  const wanted = solicitedMacs(after)
  const present = solicitedMacs(before)
  namespace.run(() => {
    for (const { name } of links) {
      for (const mac of wanted) if (!present.has(mac)) setMulticastMac(name, mac, true)
      for (const mac of present) if (!wanted.has(mac)) setMulticastMac(name, mac, false)
    }
  })
}

function solicitedMacs(vips: readonly FlaggedVip[]): Set<string> {
  const announced = vips.filter(({ address, flags }) => familyOf(address) === 6 && has(flags, VipFlag.announce))
  return new Set(announced.map(({ address }) => solicitedNodeMac(addressBytes(address))))
}

function setMulticastMac(interfaceName: string, mac: string, add: boolean): void {
  try {
    native().setMulticastMac(interfaceName, macBytes(mac), add)
  } catch (error) {
    // Added already, removed already, or the interface has gone and its filter with it.
    if (!['EEXIST', 'ENOENT', 'ENODEV'].includes(errnoOf(error) ?? '')) throw error
  }
}

/** Tells the links of VIPs that were not here before, so that caches that point elsewhere are put right. */
export function announceNewVips(
  before: readonly LiveVip[],
  after: Iterable<FlaggedVip>,
  links: readonly Link[],
  neighbours: Neighbours,
): void {
  const known = new Set(before.map(({ address }) => address))
  const fresh = [...after]
    .filter(({ address, flags }) => has(flags, VipFlag.announce | VipFlag.bind) && !known.has(address))
    .map(({ address }) => address)
  if (fresh.length > 0) for (const { ifindex } of links) neighbours.announce(fresh, ifindex)
}
