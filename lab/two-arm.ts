/**
 * A network for both forwarding methods: clients on one side of the director, reals on the other.
 *
 *     client ──── router ──┬── front ── director ── back ──┬── real1 … realN
 *     192.0.2.0/24         │   10.0.0.0/24      10.1.0.0/24│
 *     2001:db8:1::/64      │   2001:db8:2::/64  2001:db8:3::/64
 *                          └───────────────────────────────┘
 *
 * What a real sends under its own address goes through the director, and replies in the name of the VIPs of direct
 * routing go straight to the router.
 */
import type { HostSpec } from './network.js'

export type Family = 4 | 6

export const FAMILIES = [{ family: 4 }, { family: 6 }] as const

type ByFamily = Readonly<Record<Family, string>>

export const CLIENT: ByFamily = { 4: '192.0.2.2', 6: '2001:db8:1::2' }

/** Of services with `forward: nat`. */
export const NAT_VIP: ByFamily = { 4: '10.0.0.100', 6: '2001:db8:2::100' }

/** Of services with `forward: dr`; the reals have it on lo. */
export const DR_VIP: ByFamily = { 4: '10.0.0.101', 6: '2001:db8:2::101' }

/** The VIP's and the reals' port: nat translates it, direct routing does not. */
export const VIP_PORT = 80
export const REAL_PORT = 8080

export const realAddress = (number: number, family: Family): string =>
  family === 4 ? `10.1.0.${10 + number}` : `2001:db8:3::${10 + number}`

const ROUTER_BACK: ByFamily = { 4: '10.1.0.254', 6: '2001:db8:3::fe' }

/** Default: the director. Only replies in the name of a VIP of direct routing go another way. */
const ROUTES = (Object.entries(DR_VIP) as unknown as [Family, string][])
  .flatMap(([family, vip]) => {
    const ip = `ip -${family}`
    return [`${ip} rule add from ${vip} lookup 100`, `${ip} route add default via ${ROUTER_BACK[family]} table 100`]
  })
  .join('\n')

function realSpec(number: number, serves: readonly number[]): HostSpec {
  const addresses = [`${realAddress(number, 4)}/24`, `${realAddress(number, 6)}/64`]
  return {
    devices: { eth0: { wire: 'back', addresses } },
    via: ['10.1.0.1', '2001:db8:3::1'],
    vips: Object.values(DR_VIP),
    serves,
    shell: ROUTES,
  }
}

export interface TwoArmOptions {
  /** Default 3. */
  reals?: number
  /** Of the reals' servers; default 80 and 8080. */
  serves?: readonly number[]
  /** MTU of the router's device to the client, which does not know of it; default 1500. */
  routerMtu?: number
  /** What a test adds, or puts in place of a host. */
  hosts?: Readonly<Record<string, HostSpec>>
}

/** The hosts of the network: `client`, `router`, `director` and `real1` to `realN`. */
export function twoArm(options: TwoArmOptions = {}): Record<string, HostSpec> {
  const { reals = 3, serves = [VIP_PORT, REAL_PORT], routerMtu = 1500, hosts = {} } = options
  const numbers = Array.from({ length: reals }, (_, index) => index + 1)
  return {
    client: {
      devices: { eth0: { wire: 'access', addresses: ['192.0.2.2/24', '2001:db8:1::2/64'] } },
      via: ['192.0.2.1', '2001:db8:1::1'],
    },
    router: {
      devices: {
        eth0: { wire: 'access', addresses: ['192.0.2.1/24', '2001:db8:1::1/64'], mtu: routerMtu },
        eth1: { wire: 'front', addresses: ['10.0.0.254/24', '2001:db8:2::fe/64'] },
        eth2: { wire: 'back', addresses: ['10.1.0.254/24', '2001:db8:3::fe/64'] },
      },
      router: true,
    },
    director: {
      devices: {
        eth0: { wire: 'front', addresses: ['10.0.0.1/24', '2001:db8:2::1/64'] },
        eth1: { wire: 'back', addresses: ['10.1.0.1/24', '2001:db8:3::1/64'] },
      },
      via: ['10.0.0.254', '2001:db8:2::fe'],
      router: true,
      director: true,
    },
    ...Object.fromEntries(numbers.map((number) => [`real${number}`, realSpec(number, serves)])),
    ...hosts,
  }
}

/** What {@link serviceFor} makes a service of; all other keys are those of the configuration file. */
export interface TwoArmService {
  name: string
  forward: 'dr' | 'nat'
  family: Family
  /** How many reals; default 3. */
  reals?: number
  /** Of the reals in turn; default 1. */
  weights?: readonly number[]
  /** Only nat: default 8080. */
  realPort?: number
  [key: string]: unknown
}

/** A service on the VIP of its forwarding method and family. */
export function serviceFor(service: TwoArmService): object {
  const { family, reals = 3, weights = [], realPort = REAL_PORT, ...keys } = service
  const translated = keys.forward === 'nat' && keys['protocol'] !== 'icmp'
  const list = Array.from({ length: reals }, (_, index) => ({
    address: realAddress(index + 1, family),
    weight: weights[index] ?? 1,
    ...(translated ? { port: realPort } : {}),
  }))
  const port = keys['protocol'] === 'icmp' ? {} : { port: VIP_PORT }
  const vip = { dr: DR_VIP, nat: NAT_VIP }[keys.forward][family]
  return { vip, ...port, protocol: 'tcp', scheduler: 'rr', ...keys, reals: list }
}

/** The configuration file with these services, on both arms, with a conn table that is quick to make. */
export const twoArmConfig = (services: readonly object[], keys: object = {}): object => ({
  version: 1,
  interfaces: ['eth0', 'eth1'],
  conns: { max: 100_000 },
  ...keys,
  services,
})
