/** What must hold within one service. */
import { familyOf, formatEndpoint } from '../net/address.js'
import { healthFaults } from './health-rules.js'
import { isHash } from './normalise.js'
import type { Fault } from './problem.js'
import { fault, portOf, repeats, type Settled } from './rule.js'
import type { RealInput } from './schema.js'

/** Every way in which the values of a service contradict each other. */
export function serviceFaults(service: Settled, index: number): Fault[] {
  const reals = service.reals ?? []
  return [
    ...portFaults(service, index),
    ...onePacketFaults(service, index),
    ...realsOnce(service, index),
    ...reals.flatMap((real, position) => {
      const path = ['services', index, 'reals', position]
      return real === undefined ? [] : realFaults(real, service, path)
    }),
    ...ringHoldsReals(service, index),
    ...healthFaults(service, index),
  ]
}

function portFaults(service: Settled, index: number): Fault[] {
  const { protocol, port, scheduler, persistence, wrong } = service
  const path = ['services', index, 'port']
  if (protocol === 'icmp') {
    return port === undefined ? [] : [fault(path, 'icmp_port', 'ICMP has no ports: leave it out')]
  }
  if (port === undefined) {
    return wrong.has('port') || wrong.has('protocol') ? [] : [fault(path, 'missing_key', 'is required')]
  }
  if (port !== 0 || persistence !== false || scheduler === undefined || isHash(scheduler)) return []
  const message =
    `${scheduler.name} would send each port of a client to another real; ` +
    'port 0 needs persistence, or the scheduler mh, sh or dh'
  return [fault(path, 'port_zero', message)]
}

function onePacketFaults({ onePacket, protocol, forward }: Settled, index: number): Fault[] {
  const path = ['services', index, 'onePacket']
  if (onePacket !== true || protocol === undefined || forward === undefined) return []
  if (protocol !== 'udp') return [fault(path, 'one_packet', `${protocol} needs conns: only udp can do without`)]
  if (forward === 'dr') return []
  return [fault(path, 'one_packet', `${forward} needs conns: no reply could be translated without`)]
}

function realsOnce(service: Settled, index: number): Fault[] {
  const { reals = [] } = service
  const keyOf = (real: RealInput | undefined) => {
    const realPort = real?.port ?? portOf(service)
    if (real === undefined || realPort === undefined) return undefined
    return realPort === 0 ? real.address : formatEndpoint(real.address, realPort)
  }
  return repeats(reals, keyOf, (real, position, first) =>
    fault(['services', index, 'reals', position], 'duplicate_real', `${keyOf(real) ?? ''} is reals[${first}] already`),
  )
}

function realFaults(real: RealInput, service: Settled, path: (string | number)[]): Fault[] {
  const { vip } = service
  const faults = [...realPortFaults(real, service, [...path, 'port']), ...thresholdFaults(real, path)]
  if (vip === undefined || familyOf(real.address) === familyOf(vip)) return faults
  const message = `${real.address} is IPv${familyOf(real.address)}, but the VIP ${vip} is IPv${familyOf(vip)}`
  return [fault(path, 'mixed_families', message), ...faults]
}

function realPortFaults({ port: own }: RealInput, { protocol, port, forward }: Settled, path: (string | number)[]): Fault[] {
  if (own === undefined) return []
  if (protocol === 'icmp') return [fault(path, 'icmp_port', 'ICMP has no ports: leave it out')]
  if (port === 0) return [fault(path, 'port_zero', 'the service is on every port, and packets keep theirs: leave it out')]
  if (port === undefined || forward !== 'dr' || own === port) return []
  return [fault(path, 'port_translated', `${own} is not the service's port ${port}, and dr translates no ports`)]
}

function thresholdFaults({ upperThreshold = 0, lowerThreshold = 0 }: RealInput, path: (string | number)[]): Fault[] {
  const at = [...path, 'lowerThreshold']
  if (lowerThreshold <= upperThreshold) return []
  if (upperThreshold === 0) return [fault(at, 'thresholds', 'without an upperThreshold no real is ever overloaded')]
  return [fault(at, 'thresholds', `${lowerThreshold} is above the upperThreshold ${upperThreshold}`)]
}

/** A table smaller than the list of reals leaves some without a slot. */
function ringHoldsReals({ scheduler, reals = [] }: Settled, index: number): Fault[] {
  if (scheduler?.name !== 'mh' || reals.length <= scheduler.tableSize) return []
  const message = `${reals.length} reals, but the ring has ${scheduler.tableSize} slots; use a larger tableSize`
  return [fault(['services', index, 'reals'], 'too_many', message)]
}
