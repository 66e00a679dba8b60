/** What the maps should hold: the configuration joined with what is known of links and neighbours. Pure. */
import type { Member } from '../config/members.js'
import { membersOf } from '../config/members.js'
import type { Config, ServiceConfig } from '../config/schema.js'
import { ticksOf } from '../dataplane/clock.js'
import type { LiveService, LiveState } from '../dataplane/live-state.js'
import type { HealthState } from '../health/protocol.js'
import type { Interface, Settings } from '../maps/generated.js'
import { ConnState, Echo, VipFlag, XdpMode } from '../maps/generated.js'
import { macBytes } from '../net/mac.js'
import { matchDestinations, matchServices, sameService } from './match.js'
import type { MemberHealth } from './member-health.js'
import { nextHealth } from './member-health.js'
import type { ProbeSettings } from './probe-settings.js'
import { probeSettings } from './probe-settings.js'

/** An interface that the program is, or is to be, attached to. */
export interface Link {
  name: string
  ifindex: number
  mac: string
  mode: 'native' | 'generic'
}

/** How a real is reached. */
export interface Via {
  /** The way out; of a local real any attached link. */
  link: Link
  /** The address whose MAC frames go to: the real's own, or its gateway's. */
  nextHop: string
  /** The address is the director's own: packets go to the host's stack, and no MAC is needed. */
  local: boolean
}

export interface TargetDestination extends Via {
  address: string
  port: number
  weight: number
  /** What schedulers weigh by: see effective-weight.ts. */
  effectiveWeight: number
  /** As the maps have it. */
  health: HealthState
  /** The service's sorry server. */
  sorry: boolean
  /** Conns at which the destination counts as overloaded, and below which it does no longer; 0: see abi.h. */
  upper: number
  lower: number
  /** Of the next hop; undefined when it did not answer, or is not needed. */
  mac: string | undefined
}

export interface TargetService {
  config: ServiceConfig
  destinations: TargetDestination[]
}

export interface TargetVip {
  address: string
  /** VipFlag.announce or VipFlag.bind, if any, and VipFlag.dropUnmatched. */
  flags: number
  echo: number
  up: number
}

/** What of `struct lb_settings` a configuration decides. */
export type TargetSettings = Pick<
  Settings,
  'timeoutTicks' | 'peers' | 'rearmTicks' | 'fragmentTicks' | 'lblcTicks' | 'answerTokens' | 'pingSources' | keyof ProbeSettings
>

export interface Target {
  settings: TargetSettings
  /** MACs of other directors. */
  peers: readonly string[]
  /** Networks that gateway pings may come from, as `address/bits`. */
  pingSources: readonly string[]
  interfaces: Map<number, Interface>
  vips: Map<string, TargetVip>
  services: TargetService[]
}

export interface TargetInput {
  config: Config
  /** What the maps hold now: the health of destinations is nowhere else. */
  live: Pick<LiveState, 'services'>
  /** Jiffies a second. */
  hz: number
  links: readonly Link[]
  /** How a real is reached; every real of the configuration can be. */
  linkOf: (address: string) => Via
  /** The MAC of a next hop on the link of that index, undefined when it did not answer. */
  macOf: (nextHop: string, ifindex: number) => string | undefined
}

/** Conn states that have no key in the file, or one for several. Seconds. */
const STATE_TIMEOUTS = {
  /** Linux 6.1: tcp_timeouts[] in ip_vs_proto_tcp.c. */
  ipvs: {
    [ConnState.none]: 2,
    [ConnState.synSent]: 120,
    [ConnState.synRecv]: 60,
    [ConnState.timeWait]: 120,
    [ConnState.close]: 10,
    [ConnState.closeWait]: 60,
    [ConnState.lastAck]: 30,
    [ConnState.listen]: 120,
    [ConnState.synack]: 120,
  },
  /** DPVS: tcp_timeouts[] in src/ipvs/ip_vs_proto_tcp.c. */
  datacenter: {
    [ConnState.none]: 2,
    [ConnState.synSent]: 3,
    [ConnState.synRecv]: 30,
    [ConnState.timeWait]: 7,
    [ConnState.close]: 3,
    [ConnState.closeWait]: 7,
    [ConnState.lastAck]: 7,
    [ConnState.listen]: 120,
    [ConnState.synack]: 120,
  },
} as const

/** `struct lb_settings.timeout_ticks`. */
export function timeoutTicks({ timeouts }: Pick<Config, 'timeouts'>, hz: number): number[] {
  const seconds: Readonly<Record<ConnState, number>> = {
    ...STATE_TIMEOUTS[timeouts.preset],
    [ConnState.established]: timeouts.tcp,
    [ConnState.finWait]: timeouts.tcpFin,
    [ConnState.udp]: timeouts.udp,
    [ConnState.icmp]: timeouts.icmp,
  }
  return Object.values(seconds).map((each) => ticksOf(each, hz))
}

/** What is not configurable. Seconds, but for the last: answers a second to one source prefix. */
const FIXED = { rearm: 60, fragment: 30, lblc: 24 * 3600, answers: 64 } as const

export function buildTarget(input: TargetInput): Target {
  const { config, hz, links, live } = input
  const matches = matchServices(live, config.services)
  const services = config.services.map((each, index) => targetService(each, matches[index], input))
  return {
    settings: settingsOf(config, links, hz),
    peers: config.peers,
    pingSources: config.ping.sources,
    interfaces: new Map(links.map((link) => [link.ifindex, interfaceEntry(link)])),
    vips: vipsOf(services),
    services,
  }
}

function settingsOf(config: Config, links: readonly Link[], hz: number): TargetSettings {
  return {
    timeoutTicks: timeoutTicks(config, hz),
    peers: config.peers.length,
    rearmTicks: ticksOf(FIXED.rearm, hz),
    fragmentTicks: ticksOf(FIXED.fragment, hz),
    lblcTicks: ticksOf(FIXED.lblc, hz),
    answerTokens: FIXED.answers,
    ...probeSettings(config, links),
    pingSources: config.ping.sources.length,
  }
}

function targetService(config: ServiceConfig, live: LiveService | undefined, input: TargetInput): TargetService {
  const reached = membersOf(config).map((member) => reach(member, input))
  const known = sameService(live, config)?.destinations ?? []
  const matches = matchDestinations(reached, known)
  const now = reached.map(({ weight, sorry, local, mac }, index) => {
    return { weight, sorry, live: matches[index]?.value, reachable: local || mac !== undefined }
  })
  const { members } = nextHealth(now, config, { before: known.map(({ value }) => value) })
  const destinations = reached.map((each, index): TargetDestination => {
    const { health, effectiveWeight } = members[index] as MemberHealth
    return { ...each, health, effectiveWeight }
  })
  return { config, destinations }
}

function reach(member: Member, { linkOf, macOf }: TargetInput): Omit<TargetDestination, 'health' | 'effectiveWeight'> {
  const { link, nextHop, local } = linkOf(member.address)
  return {
    link,
    nextHop,
    local,
    address: member.address,
    port: member.port,
    weight: member.weight,
    sorry: member.sorry,
    upper: member.upperThreshold,
    lower: member.lowerThreshold,
    mac: local ? undefined : macOf(nextHop, link.ifindex),
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
      const flags = ANNOUNCE[config.announce] | (config.unmatched === 'drop' ? VipFlag.dropUnmatched : 0)
      vips.set(config.vip, { address: config.vip, flags, echo: ECHO[config.echo], up })
    }
  }
  return vips
}
