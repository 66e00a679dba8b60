/** Map entries as a target wants them. */
import type { Dest, Service } from '../maps/generated.js'
import { DestFlag, Forward, Scheduler, ServiceFlag } from '../maps/generated.js'
import { addressToWords } from '../net/address.js'
import { macBytes } from '../net/mac.js'
import type { TargetDestination, TargetService } from './target.js'

const NO_MAC = '00:00:00:00:00:00'

/** The entry of a service, without what concerns its ring. */
export function serviceValue({ config }: TargetService, id: number): Service {
  const { scheduler } = config
  const ports = 'ports' in scheduler && scheduler.ports
  return {
    id,
    name: config.name,
    scheduler: Scheduler[scheduler.name],
    forward: Forward[config.forward],
    flags: (config.sloppy ? ServiceFlag.sloppy : 0) | (ports ? ServiceFlag.ports : 0),
    tableSize: scheduler.name === 'mh' ? scheduler.tableSize : 0,
    ring: 0,
    ringSize: 0,
    ringDigest: 0n,
    ringCrc: 0,
  }
}

/** The entry of a destination. */
export function destValue(target: TargetDestination, service: number, generation: number): Dest {
  return {
    addr: addressToWords(target.address),
    mac: macBytes(target.mac ?? NO_MAC),
    srcMac: macBytes(target.link.mac),
    ifindex: target.link.ifindex,
    service,
    generation,
    port: target.port,
    flags: flagsOf(target),
    weight: target.weight,
    effectiveWeight: target.effectiveWeight,
  }
}

/** Whether an entry is what {@link destValue} would make of a destination that has its address, port and service. */
export function isDestOf(entry: Dest, target: TargetDestination): boolean {
  return (
    entry.weight === target.weight &&
    entry.effectiveWeight === target.effectiveWeight &&
    entry.ifindex === target.link.ifindex &&
    entry.flags === flagsOf(target) &&
    isMac(entry.mac, target.mac ?? NO_MAC) &&
    isMac(entry.srcMac, target.link.mac)
  )
}

const flagsOf = ({ mac }: TargetDestination): number => DestFlag.live | (mac === undefined ? 0 : DestFlag.neighbour)

const HEX_DIGITS = Uint8Array.from('0123456789abcdef', (digit) => digit.charCodeAt(0))

/** Compares without turning the one into the other: a plan does this for all destinations there are. */
function isMac(bytes: Uint8Array, text: string): boolean {
  for (let index = 0, at = 0; index < bytes.length; index++, at += 3) {
    const byte = bytes[index] as number
    if (text.charCodeAt(at) !== HEX_DIGITS[byte >> 4] || text.charCodeAt(at + 1) !== HEX_DIGITS[byte & 15]) return false
  }
  return true
}
