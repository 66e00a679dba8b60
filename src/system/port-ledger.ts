/**
 * Who keeps which ports from the sockets of a host. The kernel has one list (`net.ipv4.ip_local_reserved_ports`), which
 * instances share with each other and with whoever administers the host, so each writes down what it added. Pure.
 */
import type { PortSet } from '../net/port-set.js'
import { intersectionOf, unionOf, withoutPorts } from '../net/port-set.js'

/** Of one instance. */
export interface Reservation {
  wanted: PortSet
  /** What was not on the list before. */
  added: PortSet
}

export interface PortLedger {
  /** The kernel's list. */
  reserved: PortSet
  /** By instance. */
  reservations: ReadonlyMap<string, Reservation>
}

/** The instance's ports are on the list, and no others because of it. */
export function reserve(ledger: PortLedger, instance: string, wanted: PortSet): PortLedger {
  const before = ledger.reservations.get(instance)
  const surplus = withoutPorts(before?.wanted ?? [], wanted)
  const { reserved, reservations } = giveBack(ledger, instance, surplus)
  const added = unionOf(reservations.get(instance)?.added ?? [], withoutPorts(wanted, reserved))
  return {
    reserved: unionOf(reserved, wanted),
    reservations: new Map(reservations).set(instance, { wanted, added }),
  }
}

/** What the instance added goes from the list, unless another one wants it: then that one answers for it. */
export function release(ledger: PortLedger, instance: string): PortLedger {
  const { reserved, reservations } = giveBack(ledger, instance, ledger.reservations.get(instance)?.added ?? [])
  return { reserved, reservations: new Map([...reservations].filter(([name]) => name !== instance)) }
}

function giveBack(ledger: PortLedger, instance: string, ports: PortSet): PortLedger {
  const own = ledger.reservations.get(instance)
  if (own === undefined) return ledger
  const reservations = new Map(ledger.reservations)
  let left = intersectionOf(own.added, ports)
  reservations.set(instance, { wanted: own.wanted, added: withoutPorts(own.added, left) })
  for (const [name, { wanted, added }] of ledger.reservations) {
    if (name === instance) continue
    reservations.set(name, { wanted, added: unionOf(added, intersectionOf(left, wanted)) })
    left = withoutPorts(left, wanted)
  }
  return { reserved: withoutPorts(ledger.reserved, left), reservations }
}
