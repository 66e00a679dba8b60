/**
 * The lab: a client, a router, a switch, a director and reals, each in a network namespace of its own.
 *
 *     client ── router ── switch ─┬─ director
 *     192.0.2.0/24        10.0.0.0/24, VIPs in it
 *     2001:db8:1::/64     2001:db8:2::/64
 *                                 ├─ real1 … realN (VIPs on lo)
 *
 * The router asks by ARP and neighbour solicitation for the VIPs, so the director must answer. Replies go from the
 * real through the switch to the router and never to the director.
 */
import { fileURLToPath } from 'node:url'
import { stringify } from 'yaml'
import { exec, type LabClient, type LabHost, type LabReal, type Output } from './host.js'
import { type HostSpec, isIpv6, Network } from './network.js'

export const PORT = 80

export const MAX_REALS = 80

export interface LabOptions {
  /** Default 3. */
  reals?: number
  /** Default: of each family one, 10.0.0.100 and 2001:db8:2::100. */
  vips?: readonly string[]
  /** Only for a lab that outlives this process: a name for others to find it by. */
  name?: string
}

/** Packets that the switch sent to the director. */
export interface DirectorCounters {
  /** To a VIP. */
  requests: number
  /** From a VIP: with direct routing there are none. */
  replies: number
}

const VEER = fileURLToPath(new URL('../bin/veer', import.meta.url))

const ROUTER = ['10.0.0.254', '2001:db8:2::fe'] as const

/** The first 9 reals are `10.0.0.11` and `2001:db8:2::11` and so on. */
function realSpec(number: number, vips: readonly string[]): HostSpec {
  const addresses = [`10.0.0.${10 + number}/24`, `2001:db8:2::${10 + number}/64`]
  return { devices: { eth0: { wire: 'br0', addresses } }, via: ROUTER, vips, serves: [PORT] }
}

function hostsOf(reals: number, vips: readonly string[]): Record<string, HostSpec> {
  const numbers = Array.from({ length: reals }, (_, index) => index + 1)
  return {
    client: {
      devices: { eth0: { wire: 'access', addresses: ['192.0.2.2/24', '2001:db8:1::2/64'] } },
      via: ['192.0.2.1', '2001:db8:1::1'],
    },
    router: {
      devices: {
        eth0: { wire: 'access', addresses: ['192.0.2.1/24', '2001:db8:1::1/64'] },
        eth1: { wire: 'br0', addresses: ['10.0.0.254/24', '2001:db8:2::fe/64'] },
      },
      router: true,
    },
    director: {
      devices: { eth0: { wire: 'br0', addresses: ['10.0.0.1/24', '2001:db8:2::1/64'] } },
      via: ROUTER,
      director: true,
    },
    ...Object.fromEntries(numbers.map((number) => [`real${number}`, realSpec(number, vips)])),
  }
}

export class Lab implements AsyncDisposable {
  readonly vips: readonly string[]
  readonly client: LabClient
  readonly #network: Network

  private constructor(network: Network, vips: readonly string[]) {
    this.#network = network
    this.vips = vips
    this.client = network.client
  }

  /** Builds a lab and waits until its reals serve. Labs that dead processes left behind are removed first. */
  static async create(options: LabOptions = {}): Promise<Lab> {
    const { reals = 3, vips = ['10.0.0.100', '2001:db8:2::100'], name } = options
    if (reals > MAX_REALS) throw new Error(`a lab has at most ${MAX_REALS} reals`)
    const hosts = hostsOf(reals, vips)
    const network = await Network.create(name === undefined ? { hosts } : { hosts, name })
    try {
      const lab = new Lab(network, vips)
      lab.#countAtSwitch()
      return lab
    } catch (error) {
      network.close()
      throw error
    }
  }

  /** The lab's name, which is also its veer instance's. */
  get name(): string {
    return this.#network.name
  }

  get router(): LabHost {
    return this.#network.host('router')
  }

  get switch(): LabHost {
    return this.#network.switch
  }

  get director(): LabHost {
    return this.#network.host('director')
  }

  get reals(): readonly LabReal[] {
    return this.#network.reals
  }

  /** The reals by number, from 1. */
  real(number: number): LabReal {
    return this.#network.real(`real${number}`)
  }

  /** The lab's own BPF filesystem, for `veer --bpffs`. */
  get bpffs(): string {
    return this.#network.bpffs
  }

  /** What selects this lab on veer's command line. */
  get veerOptions(): string[] {
    return ['--netns', this.director.netns, '--bpffs', this.bpffs, '--instance', this.name]
  }

  /** Runs the built veer command on this lab's director to its end, whatever its exit code. */
  async veer(args: readonly string[]): Promise<Output> {
    return exec(VEER, [...this.veerOptions, ...args])
  }

  /** A file in the lab's directory; goes with the lab. */
  writeFile(name: string, content: string): string {
    return this.#network.writeFile(name, content)
  }

  /** A configuration file of the lab; its path. */
  writeConfig(config: object, name = 'veer.yaml'): string {
    return this.writeFile(name, stringify(config))
  }

  /** A configuration with one service per VIP and protocol over all reals. */
  config(service: { scheduler?: string; protocols?: readonly string[] } = {}): object {
    const { scheduler = 'rr', protocols = ['tcp'] } = service
    const services = this.vips.flatMap((vip) =>
      protocols.map((protocol) => ({
        name: `web-${protocol}-${this.vips.indexOf(vip) + 1}`,
        vip,
        port: PORT,
        protocol,
        forward: 'dr',
        scheduler,
        reals: this.reals.map((real) => real.addresses[isIpv6(vip) ? 1 : 0]),
      })),
    )
    return { version: 1, interfaces: ['eth0'], services }
  }

  /** What has come to the director so far. Counted by the switch: frames that XDP forwards pass no counter there. */
  directorCounters(): DirectorCounters {
    const { nftables } = JSON.parse(this.switch.shell('nft -j list counters table bridge lab')) as {
      nftables: { counter?: { name: string; packets: number } }[]
    }
    const packets = (name: string): number => nftables.find(({ counter }) => counter?.name === name)?.counter?.packets ?? 0
    return { requests: packets('requests'), replies: packets('replies') }
  }

  /** Leaves the lab standing when this process ends; `removeLab(name)` removes it. */
  keep(): void {
    this.#network.keep()
  }

  /** Removes all of the lab. */
  close(): void {
    this.#network.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#network[Symbol.asyncDispose]()
  }

  #countAtSwitch(): void {
    const counting = (['ip', 'ip6'] as const).flatMap((family) => {
      const vips = this.vips.filter((vip) => isIpv6(vip) === (family === 'ip6')).join(', ')
      if (vips === '') return []
      const rule = `oifname "director" ${family}`
      return [`${rule} daddr { ${vips} } counter name requests`, `${rule} saddr { ${vips} } counter name replies`]
    })
    this.switch.shell(`
nft -f - <<'RULES'
table bridge lab {
  counter requests { }
  counter replies { }
  chain forward {
    type filter hook forward priority 0
    ${counting.join('\n    ')}
  }
}
RULES`)
  }
}
