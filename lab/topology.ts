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
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { stringify } from 'yaml'
import {
  claim,
  claimName,
  forgetAtExit,
  labDirectory,
  mountBpffs,
  removeAtExit,
  removeLab,
  staleLabs,
} from './cleanup.js'
import { exec, LabClient, LabHost, LabReal, type Output } from './host.js'

export const PORT = 80

/** By family; the first 9 reals are `10.0.0.11` and `2001:db8:2::11` and so on. */
const ADDRESSES = {
  client: ['192.0.2.2', '2001:db8:1::2'],
  routerToClient: ['192.0.2.1', '2001:db8:1::1'],
  router: ['10.0.0.254', '2001:db8:2::fe'],
  director: ['10.0.0.1', '2001:db8:2::1'],
} as const satisfies Record<string, readonly [string, string]>

const realAddresses = (number: number): [string, string] => [`10.0.0.${10 + number}`, `2001:db8:2::${10 + number}`]

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

const packageFile = (path: string): string => fileURLToPath(new URL(`../${path}`, import.meta.url))

/** What every host gets before its interfaces: no addresses by themselves, no waiting for duplicates. */
const HOST_DEFAULTS = `
sysctl -q -w net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0 \\
  net.ipv6.conf.default.accept_ra=0 net.ipv6.conf.default.autoconf=0 \\
  net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0
ip link set dev lo up`

/**
 * An interface with its addresses. Without tx off a veth sends half-made checksums, which nothing would finish on a
 * frame that XDP forwards.
 */
function bringUp(device: string, [v4, v6]: readonly [string, string]): string {
  return `
ethtool -K ${device} tx off >/dev/null
ip address add ${v4}/24 dev ${device}
ip address add ${v6}/64 dev ${device} nodad
ip link set dev ${device} up`
}

function defaultRoute([v4, v6]: readonly [string, string]): string {
  return `
ip route add default via ${v4}
ip -6 route add default via ${v6}`
}

const ofFamily = (addresses: readonly string[], family: 'ip' | 'ip6'): string[] =>
  addresses.filter((address) => address.includes(':') === (family === 'ip6'))

export class Lab implements AsyncDisposable {
  /** The lab's name, which is also its veer instance's. */
  readonly name: string
  readonly vips: readonly string[]
  readonly client: LabClient
  readonly router: LabHost
  readonly switch: LabHost
  readonly director: LabHost
  readonly reals: readonly LabReal[]
  #closed = false

  private constructor(name: string, options: LabOptions) {
    const reals = options.reals ?? 3
    if (reals > MAX_REALS) throw new Error(`a lab has at most ${MAX_REALS} reals`)
    this.name = name
    this.vips = options.vips ?? ['10.0.0.100', '2001:db8:2::100']
    this.client = new LabClient(`${name}-client`)
    this.router = new LabHost(`${name}-router`)
    this.switch = new LabHost(`${name}-switch`)
    this.director = new LabHost(`${name}-director`)
    this.reals = Array.from({ length: reals }, (_, index) => {
      const real = `real${index + 1}`
      return new LabReal(`${name}-${real}`, real, realAddresses(index + 1))
    })
  }

  /** Builds a lab and waits until its reals serve. Labs that dead processes left behind are removed first. */
  static async create(options: LabOptions = {}): Promise<Lab> {
    for (const stale of staleLabs()) removeLab(stale)
    if (options.name !== undefined && !claim(options.name)) {
      throw new Error(`there is a lab ${options.name} already; remove it with: scripts/demo --remove`)
    }
    const name = options.name ?? claimName()
    removeAtExit(name)
    const lab = new Lab(name, options)
    try {
      lab.#build()
      await Promise.all(lab.reals.map((real) => real.serve(PORT, lab.vips)))
      return lab
    } catch (error) {
      lab.close()
      throw error
    }
  }

  /** The reals by number, from 1. */
  real(number: number): LabReal {
    const real = this.reals[number - 1]
    if (real === undefined) throw new Error(`there is no real ${number}`)
    return real
  }

  /** The lab's own BPF filesystem, for `veer --bpffs`. */
  get bpffs(): string {
    return `${labDirectory(this.name)}/bpf`
  }

  /** What selects this lab on veer's command line. */
  get veerOptions(): string[] {
    return ['--netns', this.director.netns, '--bpffs', this.bpffs, '--instance', this.name]
  }

  /** Runs the built veer command on this lab's director to its end, whatever its exit code. */
  async veer(args: readonly string[]): Promise<Output> {
    return exec(packageFile('bin/veer'), [...this.veerOptions, ...args])
  }

  /** A file in the lab's directory; goes with the lab. */
  writeFile(name: string, content: string): string {
    const path = `${labDirectory(this.name)}/${name}`
    writeFileSync(path, content)
    return path
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
        reals: this.reals.map((real) => real.addresses[vip.includes(':') ? 1 : 0]),
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
    forgetAtExit(this.name)
    for (const real of this.reals) real.letGo()
  }

  /** Removes all of the lab. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    removeLab(this.name)
    forgetAtExit(this.name)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const real of this.reals) await real.stop()
    this.close()
  }

  #build(): void {
    mountBpffs(this.name)
    this.#cable()
    this.#setUpSwitch()
    this.client.shell(bringUp('eth0', ADDRESSES.client) + defaultRoute(ADDRESSES.routerToClient))
    this.router.shell(`
sysctl -q -w net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
${bringUp('eth0', ADDRESSES.routerToClient)}${bringUp('eth1', ADDRESSES.router)}`)
    this.director.shell(bringUp('eth0', ADDRESSES.director) + defaultRoute(ADDRESSES.router))
    for (const [index, real] of this.reals.entries()) {
      real.shell(this.#vipsOnLo() + bringUp('eth0', realAddresses(index + 1)) + defaultRoute(ADDRESSES.router))
    }
  }

  /** Makes the namespaces and the veth pairs between them. */
  #cable(): void {
    const hosts = [this.client, this.router, this.switch, this.director, ...this.reals]
    const servers = [this.director, ...this.reals]
    const pair = (name: string, a: LabHost, peer: string, b: LabHost): string =>
      `link add name ${name} netns ${a.netns} type veth peer name ${peer} netns ${b.netns}\n`
    const namespaces = hosts.map(({ netns }) => `netns add ${netns}\n`).join('')
    execFileSync('ip', ['-batch', '-'], { input: namespaces, stdio: 'pipe' })
    for (const host of hosts) host.shell(HOST_DEFAULTS)
    const cables = [
      pair('eth0', this.client, 'eth0', this.router),
      pair('eth1', this.router, 'router', this.switch),
      ...servers.map((host) => pair('eth0', host, this.#portOf(host), this.switch)),
    ]
    execFileSync('ip', ['-batch', '-'], { input: cables.join(''), stdio: 'pipe' })
  }

  /** The switch's port to a host: the host's name without the lab's. */
  #portOf(host: LabHost): string {
    return host.netns.slice(this.name.length + 1)
  }

  #setUpSwitch(): void {
    const ports = ['router', ...[this.director, ...this.reals].map((host) => this.#portOf(host))]
    const counting = (['ip', 'ip6'] as const).flatMap((family) => {
      const vips = ofFamily(this.vips, family).join(', ')
      if (vips === '') return []
      const rule = `oifname "director" ${family}`
      return [`${rule} daddr { ${vips} } counter name requests`, `${rule} saddr { ${vips} } counter name replies`]
    })
    this.switch.shell(`
ip link add name br0 type bridge mcast_snooping 0
ip link set dev br0 up
for port in ${ports.join(' ')}; do
  ethtool -K $port tx off >/dev/null
  ip link set dev $port master br0 up
done
ip link set dev director xdpdrv obj ${packageFile('build/bpf/test/lab_pass.o')} sec xdp.frags
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

  /** A real has the VIPs where nobody asks for them, and never speaks ARP in their name. */
  #vipsOnLo(): string {
    const add = this.vips.map((vip) =>
      vip.includes(':') ? `ip address add ${vip}/128 dev lo nodad` : `ip address add ${vip}/32 dev lo`,
    )
    return `
sysctl -q -w net.ipv4.conf.all.arp_ignore=1 net.ipv4.conf.all.arp_announce=2
${add.join('\n')}`
  }
}
