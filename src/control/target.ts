/** What the maps should hold: the configuration joined with what is known of links and neighbours. Pure. */
import type { Config, RealConfig, ServiceConfig } from '../config/schema.js'
import { ticksOf } from '../dataplane/clock.js'
import type { Interface } from '../maps/generated.js'
import { ConnState, Echo, VipFlag, XdpMode } from '../maps/generated.js'
import { macBytes } from '../net/mac.js'

/** An interface that the program is, or is to be, attached to. */
export interface Link {
  name: string
  ifindex: number
  mac: string
  mode: 'native' | 'generic'
}

export interface TargetDestination {
  address: string
  port: number
  weight: number
  /** 0 while the real's MAC is not known: nothing could be sent to it. */
  effectiveWeight: number
  mac: string | undefined
  link: Link
}

export interface TargetService {
  config: ServiceConfig
  destinations: TargetDestination[]
}

export interface TargetVip {
  address: string
  /** VipFlag.announce or VipFlag.bind, or 0. */
  flags: number
  echo: number
  up: number
}

export interface Target {
  /** By conn state, as in `struct lb_settings`. */
  timeoutTicks: number[]
  interfaces: Map<number, Interface>
  vips: Map<string, TargetVip>
  services: TargetService[]
}

export interface TargetInput {
  config: Config
  /** Jiffies a second. */
  hz: number
  links: readonly Link[]
  /** The link that a real is on; every real of the configuration has one. */
  linkOf: (address: string) => Link
  /** The MAC of a real, undefined when it did not answer. */
  macOf: (address: string) => string | undefined
}

/** IPVS on Linux 6.1: tcp_timeouts[] in ip_vs_proto_tcp.c, udp_timeouts[] in ip_vs_proto_udp.c. Seconds. */
const STATE_TIMEOUTS: Readonly<Record<ConnState, number>> = {
  [ConnState.none]: 2,
  [ConnState.established]: 900,
  [ConnState.synSent]: 120,
  [ConnState.synRecv]: 60,
  [ConnState.finWait]: 120,
  [ConnState.timeWait]: 120,
  [ConnState.close]: 10,
  [ConnState.closeWait]: 60,
  [ConnState.lastAck]: 30,
  [ConnState.listen]: 120,
  [ConnState.synack]: 120,
  [ConnState.udp]: 300,
}

/** `struct lb_settings.timeout_ticks`; the three that `ipvsadm --set` sets come from the configuration. */
export function timeoutTicks({ timeouts }: Pick<Config, 'timeouts'>, hz: number): number[] {
  const seconds: Record<number, number> = {
    ...STATE_TIMEOUTS,
    [ConnState.established]: timeouts.tcp,
    [ConnState.finWait]: timeouts.tcpFin,
    [ConnState.udp]: timeouts.udp,
  }
  return Object.values(seconds).map((each) => ticksOf(each, hz))
}

export function buildTarget(input: TargetInput): Target {
  const services = input.config.services.map((config) => ({
    config,
    destinations: config.reals.map((real) => destination(real, input)),
  }))
  return {
    timeoutTicks: timeoutTicks(input.config, input.hz),
    interfaces: new Map(input.links.map((link) => [link.ifindex, interfaceEntry(link)])),
    vips: vipsOf(services),
    services,
  }
}

function destination(real: RealConfig, { linkOf, macOf }: TargetInput): TargetDestination {
  const mac = macOf(real.address)
  return {
    address: real.address,
    port: real.port,
    weight: real.weight,
    effectiveWeight: mac === undefined ? 0 : real.weight,
    mac,
    link: linkOf(real.address),
  }
}

function interfaceEntry({ name, mac, mode }: Link): Interface {
  return { name, mac: macBytes(mac), mode: XdpMode[mode] }
}

const ECHO = {
  reply: Echo.reply,
  'reply-if-up': Echo.replyIfUp,
  pass: Echo.pass,
  drop: Echo.drop,
} as const

const ANNOUNCE = { dataplane: VipFlag.announce, bind: VipFlag.bind, none: 0 } as const

/** Services that share a VIP agree on its attributes; config/ has checked that. */
function vipsOf(services: readonly TargetService[]): Map<string, TargetVip> {
  const vips = new Map<string, TargetVip>()
  for (const { config, destinations } of services) {
    const up = destinations.some(({ effectiveWeight }) => effectiveWeight > 0) ? 1 : 0
    const known = vips.get(config.vip)
    if (known !== undefined) known.up |= up
    else {
      vips.set(config.vip, { address: config.vip, flags: ANNOUNCE[config.announce], echo: ECHO[config.echo], up })
    }
  }
  return vips
}
