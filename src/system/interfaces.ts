/** Facts about network interfaces: what is there, and which of them leads to a real. */
import { execFileSync } from 'node:child_process'
import { parseAddress, inNetwork, type Family, familyOf } from '../net/address.js'
import { parseMac } from '../net/mac.js'
import { VeerError } from '../errors.js'
import type { NetworkNamespace } from './netns.js'

/** An address of an interface with the prefix that is connected by it. */
export interface InterfaceAddress {
  address: string
  prefixLength: number
}

export interface InterfaceFacts {
  name: string
  ifindex: number
  /** Undefined on links that are not Ethernet. */
  mac: string | undefined
  /** Bytes, without the Ethernet header. */
  mtu: number
  /** Set up by the administrator. */
  up: boolean
  /** Has a link: cable, or the other end of a veth pair. */
  carrier: boolean
  /** Link kind as `ip link add type` names it (`veth`, `vlan`, `bond`); `device` for hardware. */
  kind: string
  /** VLAN interfaces only: the interface underneath. */
  parent: string | undefined
  addresses: InterfaceAddress[]
}

/** The part of `ip -json -details address show` that we read. */
interface IpAddressShow {
  ifname: string
  ifindex: number
  link?: string
  link_type?: string
  address?: string
  mtu: number
  flags: string[]
  linkinfo?: { info_kind?: string }
  addr_info?: { local?: string; prefixlen?: number }[]
}

/**
 * All interfaces of a namespace.
 *
 * Read with the `ip` tool and not with rtnetlink code of our own: the set-up installs it anyway, its JSON is a
 * stable interface, and it is wanted a few times per start and reload, where 3 ms do not matter. Our own code would
 * repeat its attribute parser and dump-restart rules for nothing. The child inherits the namespace, so that
 * `ip -n`, which would mount /sys anew, is not needed.
 */
export function readInterfaces(namespace: NetworkNamespace): InterfaceFacts[] {
  return parseIpAddressShow(namespace.run(runIp))
}

function runIp(): string {
  try {
    const options = { encoding: 'utf8', stdio: 'pipe', maxBuffer: 256 * 1024 * 1024 } as const
    return execFileSync('ip', ['-json', '-details', 'address', 'show'], options)
  } catch (cause) {
    throw new VeerError('LB_ERR_INTERFACES_UNREADABLE', 'cannot list the network interfaces: the ip tool failed', {
      hint: 'install iproute2, and see what this prints: ip -json -details address show',
      cause,
    })
  }
}

/** What `ip -json -details address show` printed, as facts. */
export function parseIpAddressShow(json: string): InterfaceFacts[] {
  return interfacesOf(JSON.parse(json) as object[])
}

/** The same out of its objects. */
export function interfacesOf(answers: readonly object[]): InterfaceFacts[] {
  const links = answers as readonly Partial<IpAddressShow>[]
  return links.filter(isLink).map((link) => {
    const kind = link.linkinfo?.info_kind ?? 'device'
    return {
      name: link.ifname,
      ifindex: link.ifindex,
      mac: link.link_type === 'ether' ? parseMac(link.address ?? '') : undefined,
      mtu: link.mtu,
      up: link.flags.includes('UP'),
      carrier: link.flags.includes('LOWER_UP'),
      kind,
      parent: kind === 'vlan' ? link.link : undefined,
      addresses: (link.addr_info ?? []).flatMap(interfaceAddress),
    }
  })
}

/** Old versions of ip print an empty object for what a filter left out. */
function isLink(link: Partial<IpAddressShow>): link is IpAddressShow {
  return link.ifindex !== undefined
}

function interfaceAddress(info: { local?: string; prefixlen?: number }): InterfaceAddress[] {
  const address = parseAddress(info.local ?? '')
  if (address === undefined || info.prefixlen === undefined) return []
  return [{ address, prefixLength: info.prefixlen }]
}

/** The facts of the named interfaces, in that order. Throws `LB_ERR_INTERFACE_MISSING` for the first that is not there. */
export function interfaceFacts(namespace: NetworkNamespace, names: readonly string[]): InterfaceFacts[] {
  return namedInterfaces(readInterfaces(namespace), namespace, names)
}

/** The same out of what {@link readInterfaces} said. */
export function namedInterfaces(
  all: readonly InterfaceFacts[],
  namespace: NetworkNamespace,
  names: readonly string[],
): InterfaceFacts[] {
  return names.map((name) => {
    const facts = all.find((candidate) => candidate.name === name)
    if (facts !== undefined) return facts
    throw new VeerError('LB_ERR_INTERFACE_MISSING', `there is no interface ${name} in ${namespace}`, {
      hint: `there are: ${all.map((candidate) => candidate.name).join(', ')}`,
    })
  })
}

/** The longest connected prefix that holds `address`, over all of `facts`. */
function connectedPrefixes(facts: readonly InterfaceFacts[], address: string): [InterfaceFacts, InterfaceAddress][] {
  return facts
    .flatMap((link) => link.addresses.map((own): [InterfaceFacts, InterfaceAddress] => [link, own]))
    .filter(([, own]) => inNetwork(address, own.address, own.prefixLength))
    .sort(([, a], [, b]) => b.prefixLength - a.prefixLength)
}

/** The interface whose connected prefix holds `address` (the longest prefix wins), or undefined: not on these links. */
export function routeToReal(facts: readonly InterfaceFacts[], address: string): InterfaceFacts | undefined {
  return connectedPrefixes(facts, address)[0]?.[0]
}

const UNSPECIFIED: Record<Family, string> = { 4: '0.0.0.0', 6: '::' }

/**
 * Our address to ask for `target` from: one in the same prefix, so that hosts that check it do answer; without
 * one the unspecified address, which every host must answer (RFC 5227 section 2.1.1, RFC 4861 section 7.2.4).
 */
export function sourceAddressFor(link: InterfaceFacts, target: string): string {
  return connectedPrefixes([link], target)[0]?.[1].address ?? UNSPECIFIED[familyOf(target)]
}
