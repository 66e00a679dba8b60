/**
 * A network from its description: hosts in network namespaces, and wires between their devices. A wire with two
 * devices is a veth pair; one with more is a bridge, of which all are in one more namespace, the switch.
 */
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { claim, claimName, forgetAtExit, labDirectory, mountBpffs, removeAtExit, removeLab, staleLabs } from './cleanup.js'
import { LabClient, LabHost, LabReal } from './host.js'

/** A device of a host and where it is plugged in. */
export interface Plug {
  /** Devices of one wire reach each other. */
  wire: string
  /** With prefix length, of both families. */
  addresses?: readonly string[]
  mtu?: number
  /**
   * Leaves checksums and segmentation to who receives, as the device of a virtual machine does. Default: off, since
   * nothing would finish a half-made checksum on a frame that XDP forwards.
   */
  offload?: boolean
}

export interface HostSpec {
  /** By name: eth0, eth1, … */
  devices: Readonly<Record<string, Plug>>
  /** Default gateways, at most one of each family. */
  via?: readonly string[]
  /** Forwards packets of others. */
  router?: boolean
  /** XDP programs send through its devices, so that what is at the other end must take XDP frames. */
  director?: boolean
  /** Addresses that it has where nobody asks for them, and never speaks ARP in the name of. */
  vips?: readonly string[]
  /** Ports of its HTTP and UDP servers, on all its addresses. */
  serves?: readonly number[]
  /** Further commands, once its devices are up. */
  shell?: string
}

export interface NetworkSpec {
  hosts: Readonly<Record<string, HostSpec>>
  /** Only for a network that outlives this process: a name for others to find it by. */
  name?: string
}

interface PluggedDevice {
  host: string
  device: string
  plug: Plug
}

const LAB_PASS = fileURLToPath(new URL('../build/bpf/test/lab_pass.o', import.meta.url))

/** What every host gets before its devices: no addresses by themselves, no waiting for duplicates. */
const HOST_DEFAULTS = `
sysctl -q -w net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0 \\
  net.ipv6.conf.default.accept_ra=0 net.ipv6.conf.default.autoconf=0 \\
  net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0
ip link set dev lo up`

export const isIpv6 = (address: string): boolean => address.includes(':')

/** Commands that let a device take the frames that XDP sends to it: a veth needs a program, or receive offload. */
const takesXdpFrames = (device: string, offload = false): string =>
  offload ? `ethtool -K ${device} gro on >/dev/null` : `ip link set dev ${device} xdpdrv obj ${LAB_PASS} sec xdp.frags`

function bringUp(device: string, { addresses = [], mtu, offload = false }: Plug): string {
  const commands = [
    ...(offload ? [] : [`ethtool -K ${device} tx off >/dev/null`]),
    ...addresses.map((address) => `ip address add ${address} dev ${device}${isIpv6(address) ? ' nodad' : ''}`),
    `ip link set dev ${device}${mtu === undefined ? '' : ` mtu ${mtu}`} up`,
  ]
  return commands.join('\n')
}

function haveSilently(vips: readonly string[]): string {
  if (vips.length === 0) return ''
  const add = vips.map((vip) => `ip address add ${vip}/${isIpv6(vip) ? '128 dev lo nodad' : '32 dev lo'}`)
  return ['sysctl -q -w net.ipv4.conf.all.arp_ignore=1 net.ipv4.conf.all.arp_announce=2', ...add].join('\n')
}

const withoutPrefix = (address: string): string => address.replace(/\/.*/, '')

export class Network implements AsyncDisposable {
  readonly name: string
  readonly hosts: ReadonlyMap<string, LabHost>
  /** Where wires with more than two devices come together. */
  readonly switch: LabHost
  readonly #spec: NetworkSpec
  #closed = false

  private constructor(name: string, spec: NetworkSpec) {
    this.name = name
    this.#spec = spec
    this.switch = new LabHost(`${name}-switch`)
    this.hosts = new Map(Object.entries(spec.hosts).map(([host, each]) => [host, this.#makeHost(host, each)]))
  }

  /** Builds a network and waits until its servers serve. What dead processes left behind is removed first. */
  static async create(spec: NetworkSpec): Promise<Network> {
    for (const stale of staleLabs()) removeLab(stale)
    if (spec.name !== undefined && !claim(spec.name)) {
      throw new Error(`there is a lab ${spec.name} already; remove it with: scripts/demo --remove`)
    }
    const name = spec.name ?? claimName()
    removeAtExit(name)
    const network = new Network(name, spec)
    try {
      network.#build()
      await Promise.all(network.reals.map((real) => network.#serve(real)))
      return network
    } catch (error) {
      network.close()
      throw error
    }
  }

  host(name: string): LabHost {
    const host = this.hosts.get(name)
    if (host === undefined) throw new Error(`there is no host ${name}`)
    return host
  }

  /** The host `client`. */
  get client(): LabClient {
    return this.clientOn('client')
  }

  /** A host as one that asks, also when it serves. */
  clientOn(host: string): LabClient {
    return new LabClient(this.host(host).netns)
  }

  /** A host that serves. */
  real(name: string): LabReal {
    const host = this.host(name)
    if (!(host instanceof LabReal)) throw new Error(`${name} serves nothing`)
    return host
  }

  get reals(): LabReal[] {
    return [...this.hosts.values()].filter((host) => host instanceof LabReal)
  }

  /** Its own BPF filesystem, for `veer --bpffs`. */
  get bpffs(): string {
    return `${labDirectory(this.name)}/bpf`
  }

  /** A file in its directory; goes with the network. */
  writeFile(name: string, content: string): string {
    const path = `${labDirectory(this.name)}/${name}`
    writeFileSync(path, content)
    return path
  }

  /** Leaves it standing when this process ends; `removeLab(name)` removes it. */
  keep(): void {
    forgetAtExit(this.name)
    for (const real of this.reals) real.letGo()
  }

  /** Removes all of it. */
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

  #makeHost(name: string, { devices, serves }: HostSpec): LabHost {
    const netns = `${this.name}-${name}`
    if (serves === undefined) return new LabHost(netns)
    const addresses = Object.values(devices).flatMap((plug) => plug.addresses ?? [])
    return new LabReal(netns, name, addresses.map(withoutPrefix))
  }

  #serve(real: LabReal): Promise<void> {
    const { serves = [], vips = [] } = this.#spec.hosts[real.name] ?? {}
    return real.serve(serves, vips)
  }

  #build(): void {
    mountBpffs(this.name)
    const hosts = [this.switch, ...this.hosts.values()]
    const namespaces = hosts.map(({ netns }) => `netns add ${netns}\n`).join('')
    execFileSync('ip', ['-batch', '-'], { input: namespaces, stdio: 'pipe' })
    for (const host of hosts) host.shell(HOST_DEFAULTS)
    const wires = [...this.#wires()]
    const cables = wires.flatMap(([, plugged]) => this.#cablesOf(plugged))
    execFileSync('ip', ['-batch', '-'], { input: cables.join(''), stdio: 'pipe' })
    this.switch.shell(wires.map(([wire, plugged]) => this.#bridge(wire, plugged)).join('\n'))
    for (const [name, spec] of Object.entries(this.#spec.hosts)) this.#setUp(name, spec)
    for (const [, plugged] of wires) this.#readyPairForXdp(plugged)
  }

  #wires(): Map<string, PluggedDevice[]> {
    const wires = new Map<string, PluggedDevice[]>()
    for (const [host, { devices }] of Object.entries(this.#spec.hosts)) {
      for (const [device, plug] of Object.entries(devices)) {
        wires.set(plug.wire, [...(wires.get(plug.wire) ?? []), { host, device, plug }])
      }
    }
    return wires
  }

  #cablesOf(plugged: readonly PluggedDevice[]): string[] {
    const end = (device: string, host: LabHost): string => `name ${device} netns ${host.netns}`
    const pair = (one: string, other: string): string => `link add ${one} type veth peer ${other}\n`
    const ends = plugged.map(({ host, device }) => end(device, this.host(host)))
    const [one, other] = ends
    if (ends.length === 2 && one !== undefined && other !== undefined) return [pair(one, other)]
    return plugged.map((each, index) => pair(ends[index] ?? '', end(portOf(each), this.switch)))
  }

  #bridge(wire: string, plugged: readonly PluggedDevice[]): string {
    if (plugged.length <= 2) return ''
    const ports = plugged.map((each) => {
      const port = portOf(each)
      const { director = false } = this.#spec.hosts[each.host] ?? {}
      return [
        each.plug.offload === true ? '' : `ethtool -K ${port} tx off >/dev/null`,
        director ? takesXdpFrames(port, each.plug.offload) : '',
        `ip link set dev ${port}${each.plug.mtu === undefined ? '' : ` mtu ${each.plug.mtu}`} master ${wire} up`,
      ].join('\n')
    })
    return [`ip link add name ${wire} type bridge mcast_snooping 0`, `ip link set dev ${wire} up`, ...ports].join('\n')
  }

  #setUp(name: string, { devices, via = [], router = false, vips = [], shell = '' }: HostSpec): void {
    const commands = [
      router ? 'sysctl -q -w net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1' : '',
      haveSilently(vips),
      ...Object.entries(devices).map(([device, plug]) => bringUp(device, plug)),
      ...via.map((gateway) => `ip ${isIpv6(gateway) ? '-6' : '-4'} route add default via ${gateway}`),
      shell,
    ]
    this.host(name).shell(commands.join('\n'))
  }

  /** The other end of a pair into which a director's programs send. */
  #readyPairForXdp(plugged: readonly PluggedDevice[]): void {
    if (plugged.length !== 2) return
    for (const [index, { host, device, plug }] of plugged.entries()) {
      const other = plugged[1 - index]
      if (other === undefined || this.#spec.hosts[other.host]?.director !== true) continue
      this.host(host).shell(takesXdpFrames(device, plug.offload))
    }
  }
}

/** The switch's end of a cable: the host's name alone for its first device. */
export const portOf = ({ host, device }: { host: string; device: string }): string =>
  device === 'eth0' ? host : `${host}.${device}`
