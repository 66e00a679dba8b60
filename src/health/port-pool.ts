/** The local ports that probes leave by, and what the maps say of each: the port tells the real. */
import type { PortRange } from '../config/probe-schema.js'
import { VeerError } from '../errors.js'
import { instancePins, type InstanceLocation } from '../dataplane/instance.js'
import { PROTOCOL_NUMBERS, type LbMaps } from '../dataplane/lb-maps.js'
import type { Probe } from '../maps/generated.js'
import { ProbeKind, xdpLb } from '../maps/generated.js'
import { addressToWords } from '../net/address.js'
import type { ProbeTarget } from './protocol.js'

/** The last ports of the range belong to `veer probe` and `veer ping`, the others to the checker. */
export const COMMAND_PORTS = 256

export type PortUser = 'checker' | 'command'

/** The part of the range of an instance that a user has. */
export function portsOf(user: PortUser, { first, count }: PortRange): PortRange {
  const own = Math.max(0, count - COMMAND_PORTS)
  return user === 'checker' ? { first, count: own } : { first: first + own, count: count - own }
}

export type ProbesMap = LbMaps['probes']

/**
 * Ports that are free, the one that was used longest ago first. The entry of a port stays in the map until the port is
 * used again: the last packets of a connection are sent when we have forgotten it.
 */
export class PortPool {
  readonly #probes: ProbesMap
  /** Of the whole range: the index of its entry is counted from here. */
  readonly #base: number
  /** A ring of free ports; `#free` of them from `#head` on. */
  readonly #ring: Uint16Array
  #head = 0
  #free: number

  constructor(probes: ProbesMap, range: PortRange, user: PortUser) {
    const { first, count } = portsOf(user, range)
    this.#probes = probes
    this.#base = range.first
    this.#free = count
    // A checker that was started again does not begin with the ports that the one before it used last.
    const start = Math.floor(Math.random() * count)
    this.#ring = Uint16Array.from({ length: count }, (_, index) => first + ((start + index) % count))
  }

  get free(): number {
    return this.#free
  }

  /**
   * A port by which packets leave for the real of `target` and its `destination`, until the port is claimed again.
   * Throws `LB_ERR_PROBE_PORTS` when none is free.
   */
  claim(target: ProbeTarget): number {
    const port = this.#ring[this.#head]
    if (this.#free === 0 || port === undefined) {
      throw new VeerError('LB_ERR_PROBE_PORTS', 'all ports for probes are in use', {
        hint: 'give probe.ports a larger range, or lower probe.maxInFlight',
      })
    }
    this.#probes.set(port - this.#base, probeOf(target))
    this.#head = (this.#head + 1) % this.#ring.length
    this.#free--
    return port
  }

  /** Gives a claimed port back. Its socket must be closed. */
  release(port: number): void {
    this.#ring[(this.#head + this.#free) % this.#ring.length] = port
    this.#free++
  }
}

const protocolOf = ({ check }: ProbeTarget): 'tcp' | 'udp' => {
  if (check.kind === 'exec') return check.protocol
  return check.kind === 'udp' ? 'udp' : 'tcp'
}

const NO_MAC = new Uint8Array(6)

function probeOf(target: ProbeTarget): Probe {
  return {
    dst: addressToWords(target.destination),
    dest: target.destId,
    generation: target.generation,
    port: target.destinationPort,
    protocol: PROTOCOL_NUMBERS[protocolOf(target)],
    kind: ProbeKind.real,
    ifindex: 0,
    mac: NO_MAC,
  }
}

/** The pinned maps of an instance that probes need. */
export class ProbeMaps implements Disposable {
  readonly probes: ProbesMap
  readonly #settings: LbMaps['settings']

  /** Throws `LB_ERR_PIN_MISSING` when the instance is not attached. */
  constructor(location: InstanceLocation) {
    const pins = instancePins(location)
    this.probes = pins.openMap(xdpLb.maps.probes)
    this.#settings = pins.openMap(xdpLb.maps.settings)
  }

  /** The ports that all probes of the instance leave by. */
  range(): PortRange {
    const settings = this.#settings.get(0)
    return { first: settings?.probeFirst ?? 0, count: settings?.probeCount ?? 0 }
  }

  [Symbol.dispose](): void {
    this.probes.close()
    this.#settings.close()
  }
}
