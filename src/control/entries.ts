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
    flags: DestFlag.live | (target.mac === undefined ? 0 : DestFlag.neighbour),
    weight: target.weight,
    effectiveWeight: target.effectiveWeight,
  }
}

/** Whether two entries of one destination, which agree on address, port and generation, are the same. */
export function sameDest(a: Dest, b: Dest): boolean {
  return (
    Buffer.compare(a.mac, b.mac) === 0 &&
    Buffer.compare(a.srcMac, b.srcMac) === 0 &&
    a.ifindex === b.ifindex &&
    a.service === b.service &&
    a.flags === b.flags &&
    a.weight === b.weight &&
    a.effectiveWeight === b.effectiveWeight
  )
}
