/** Map entries as a target wants them. */
import type { ServiceConfig } from '../config/schema.js'
import { groupScope, serviceScope } from '../config/persistence.js'
import { ticksOf } from '../dataplane/clock.js'
import { PROTOCOL_NUMBERS } from '../dataplane/lb-maps.js'
import type { Dest, Service } from '../maps/generated.js'
import { DestFlag, Forward, Scheduler, ServiceFlag } from '../maps/generated.js'
import { addressToWords, familyOf, MAPPED_BITS } from '../net/address.js'
import { macBytes } from '../net/mac.js'
import { healthFlags } from './member-health.js'
import type { TargetDestination, TargetService } from './target.js'

const NO_MAC = '00:00:00:00:00:00'

/** The entry of a service, without what concerns its ring. `hz`: jiffies a second. */
export function serviceValue({ config }: TargetService, id: number, hz: number): Service {
  const { scheduler } = config
  return {
    id,
    name: config.name,
    scheduler: Scheduler[scheduler.name],
    forward: Forward[config.forward],
    flags: serviceFlags(config),
    tableSize: scheduler.name === 'mh' ? scheduler.tableSize : 0,
    ring: 0,
    ringSize: 0,
    ringDigest: 0n,
    ringCrc: 0,
    ...persistenceFields(config, hz),
  }
}

function serviceFlags({ scheduler, sloppy, onePacket, connReuse, noReal, persistence }: ServiceConfig): number {
  const flags: [flag: number, on: boolean][] = [
    [ServiceFlag.sloppy, sloppy],
    [ServiceFlag.ports, 'ports' in scheduler && scheduler.ports],
    [ServiceFlag.fallback, 'fallback' in scheduler && scheduler.fallback],
    [ServiceFlag.onePacket, onePacket],
    [ServiceFlag.noReuse, !connReuse],
    [ServiceFlag.noRealDrop, noReal === 'drop'],
    [ServiceFlag.noRealPass, noReal === 'pass'],
    [ServiceFlag.keepQuiescent, persistence !== false && !persistence.expireQuiescent],
  ]
  return flags.reduce((all, [flag, on]) => (on ? all | flag : all), 0)
}

type PersistenceField = 'persistenceTicks' | 'persistenceScope' | 'persistencePrefix' | 'persistenceSeconds'

function persistenceFields(config: ServiceConfig, hz: number): Pick<Service, PersistenceField> {
  const { persistence, vip, protocol, port } = config
  if (persistence === false) {
    return { persistenceTicks: 0, persistenceScope: 0, persistencePrefix: 0, persistenceSeconds: 0 }
  }
  const { timeout, netmask, netmask6, group } = persistence
  return {
    persistenceTicks: ticksOf(timeout, hz),
    persistenceSeconds: timeout,
    persistenceScope: group === undefined ? serviceScope(PROTOCOL_NUMBERS[protocol], port) : groupScope(group),
    persistencePrefix: familyOf(vip) === 4 ? MAPPED_BITS + netmask : netmask6,
  }
}

/** What a destination has from its service. */
export type DestOwner = Pick<Service, 'id' | 'forward'>

/** The entry of a destination. */
export function destValue(
  target: TargetDestination,
  owner: DestOwner,
  { generation, sibling }: Pick<Dest, 'generation' | 'sibling'>,
): Dest {
  return {
    addr: addressToWords(target.address),
    mac: macBytes(target.mac ?? NO_MAC),
    srcMac: macBytes(target.link.mac),
    ifindex: target.link.ifindex,
    service: owner.id,
    generation,
    port: target.port,
    flags: flagsOf(target),
    weight: target.weight,
    effectiveWeight: target.effectiveWeight,
    upper: target.upper,
    lower: target.lower,
    forward: owner.forward,
    sibling,
  }
}

/** Whether an entry is what {@link destValue} would make of a destination that has its address, port and service. */
export function isDestOf(
  entry: Dest,
  target: TargetDestination,
  { forward, sibling }: Pick<Dest, 'forward' | 'sibling'>,
): boolean {
  return (
    entry.sibling === sibling &&
    entry.weight === target.weight &&
    entry.effectiveWeight === target.effectiveWeight &&
    entry.upper === target.upper &&
    entry.lower === target.lower &&
    entry.forward === forward &&
    entry.ifindex === target.link.ifindex &&
    entry.flags === flagsOf(target) &&
    isMac(entry.mac, target.mac ?? NO_MAC) &&
    isMac(entry.srcMac, target.link.mac)
  )
}

/** `LB_DEST_F_*` of a destination that is in use. */
export function flagsOf({ mac, local, health, sorry }: TargetDestination): number {
  const live = DestFlag.live | healthFlags(health, sorry)
  if (local) return live | DestFlag.neighbour | DestFlag.local
  return live | (mac === undefined ? 0 : DestFlag.neighbour)
}

const HEX_DIGITS = Uint8Array.from('0123456789abcdef', (digit) => digit.charCodeAt(0))

/** Compares without turning the one into the other: a plan does this for all destinations there are. */
function isMac(bytes: Uint8Array, text: string): boolean {
  for (let index = 0, at = 0; index < bytes.length; index++, at += 3) {
    const byte = bytes[index] as number
    if (text.charCodeAt(at) !== HEX_DIGITS[byte >> 4] || text.charCodeAt(at + 1) !== HEX_DIGITS[byte & 15]) return false
  }
  return true
}
