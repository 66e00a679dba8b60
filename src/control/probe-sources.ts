/** Which of the host's addresses probes leave from. Pure. */
import type { Config } from '../config/schema.js'
import { VeerError } from '../errors.js'
import { Limit } from '../maps/generated.js'
import type { Family } from '../net/address.js'
import { familyOf, inNetwork } from '../net/address.js'
import type { InterfaceFacts } from '../system/interfaces.js'
import { IdPool } from './ids.js'

/** A real that is probed from the probes' namespace. */
export interface ProbedReal {
  /** Name of the service. */
  service: string
  address: string
  /** Of the interface that it is reached by. */
  ifindex: number
  /** Its service is `nat`: the probe has the real's own address, and may come from a VIP. */
  nat: boolean
}

/** What the choice depends on. */
export interface SourceFacts {
  /** The attached interfaces, in the order of the configuration. */
  attached: readonly InterfaceFacts[]
  vips: ReadonlySet<string>
}

/** An address, and the interface that has it. */
export interface ProbeSource {
  address: string
  ifindex: number
}

/** Whether anything is to leave from the probes' namespace. */
export function wantsProbePath({ services, ping }: Pick<Config, 'services' | 'ping'>): boolean {
  return ping.sources.length > 0 || services.some(({ health }) => health.kind !== 'none')
}

export function sourceFacts(config: Config, attached: readonly InterfaceFacts[]): SourceFacts {
  return { attached, vips: new Set(config.services.map(({ vip }) => vip)) }
}

/**
 * An address of the interface that the real is reached by: one on the real's network, else any; else one of another
 * attached interface. VIPs are not the host's own, except that a probe of `nat` may come from one when there is no other.
 */
export function sourceOf(real: Omit<ProbedReal, 'service'>, { attached, vips }: SourceFacts): ProbeSource | undefined {
  const family = familyOf(real.address)
  const own = attached.filter(({ ifindex }) => ifindex === real.ifindex)
  const others = attached.filter(({ ifindex }) => ifindex !== real.ifindex)
  const candidates = [...onNetworkFirst(own, real.address), ...globalAddresses(others)]
  const fitting = candidates.filter(({ address }) => familyOf(address) === family)
  const best = fitting.find(({ address }) => !vips.has(address)) ?? (real.nat ? fitting[0] : undefined)
  return best && { address: best.address, ifindex: best.ifindex }
}

interface Candidate extends ProbeSource {
  prefixLength: number
}

function onNetworkFirst(links: readonly InterfaceFacts[], address: string): Candidate[] {
  const all = globalAddresses(links)
  const isOnNetwork = (each: Candidate): boolean => inNetwork(address, each.address, each.prefixLength)
  const near = all.filter(isOnNetwork).sort((a, b) => b.prefixLength - a.prefixLength)
  return [...near, ...all.filter((each) => !isOnNetwork(each))]
}

function globalAddresses(links: readonly InterfaceFacts[]): Candidate[] {
  return links.flatMap(({ ifindex, addresses }) => addresses.map((each) => ({ ...each, ifindex }))).filter(isGlobal)
}

/** Link-local addresses of IPv6 say nothing without their interface. */
function isGlobal({ address }: Candidate): boolean {
  return !inNetwork(address, 'fe80::', 10) && !inNetwork(address, '127.0.0.0', 8) && address !== '::1'
}

/** For gateway pings: of each interface an address of each family. */
function pingSources({ attached, vips }: SourceFacts): ProbeSource[] {
  const families: readonly Family[] = [4, 6]
  return attached.flatMap((link) =>
    families.flatMap((family) => {
      const found = globalAddresses([link]).find(({ address }) => familyOf(address) === family && !vips.has(address))
      return found === undefined ? [] : [{ address: found.address, ifindex: found.ifindex }]
    }),
  )
}

/** All that probes and pings leave from, and the reals that there is no address to probe from. */
export function probeSources(
  { ping }: Pick<Config, 'ping'>,
  reals: readonly ProbedReal[],
  facts: SourceFacts,
): { sources: Map<string, number>; missing: ProbedReal[] } {
  const chosen = sourcesOf(reals, facts)
  const all = [...chosen.values(), ...(ping.sources.length > 0 ? pingSources(facts) : [])]
  const sources = new Map(all.flatMap((source) => (source === undefined ? [] : [[source.address, source.ifindex]])))
  const pool = new IdPool('addresses that probes leave from', Limit.maxProbeSources, [])
  for (const _ of sources) pool.take()
  return { sources, missing: reals.filter((real) => chosen.get(real) === undefined) }
}

/** {@link sourceOf} of each; a real of several services is looked for once. */
export function sourcesOf<T extends ProbedReal>(reals: readonly T[], facts: SourceFacts): Map<T, ProbeSource | undefined> {
  const known = new Map<string, ProbeSource | undefined>()
  return new Map(
    reals.map((real) => {
      const key = `${real.address} ${real.ifindex} ${real.nat}`
      if (!known.has(key)) known.set(key, sourceOf(real, facts))
      return [real, known.get(key)]
    }),
  )
}

/** Throws `LB_ERR_PROBE_SOURCE_MISSING`. */
export function refuseMissing(missing: readonly ProbedReal[]): void {
  const [first] = missing
  if (first === undefined) return
  const more = missing.length > 1 ? `, nor ${missing.length - 1} more` : ''
  throw new VeerError(
    'LB_ERR_PROBE_SOURCE_MISSING',
    `no attached interface has an address to probe ${first.address} of ${first.service} from${more}`,
    { hint: 'give the interface one that is no VIP (ip address add), or do without: health: { kind: none }' },
  )
}
