import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, rmdirSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { once } from 'node:events'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { LabHost } from '../../lab/host.js'
import { Network } from '../../lab/network.js'
import { askByProbePath } from '../../lab/probe.js'
import { Lab } from '../../lab/topology.js'
import { parseConfig } from '../../src/config/parse.js'
import type { Config } from '../../src/config/schema.js'
import { Director } from '../../src/control/director.js'
import { examine } from '../../src/control/doctor.js'
import type { InstanceLocation } from '../../src/dataplane/instance.js'
import { Instance, instancePins } from '../../src/dataplane/instance.js'
import type { ProbeTarget } from '../../src/health/protocol.js'
import { native } from '../../src/native.js'
import { addressToWords } from '../../src/net/address.js'
import { NetworkNamespace } from '../../src/system/netns.js'
import { probeNames } from '../../src/system/probe-namespace.js'
import { readProbeNamespace } from '../../src/system/probe-namespace-facts.js'
import { traces } from './support.js'
import { factsOf } from './wire.js'

const FIRST = 61000
const RESERVED = 'net.ipv4.ip_local_reserved_ports'

function parsed(file: object): Config {
  const { config, problems } = parseConfig(JSON.stringify({ ...file, conns: { max: 1000 } }))
  if (config === undefined) throw new Error(JSON.stringify(problems))
  return config
}

const tcp = { kind: 'tcp' }

/** A director of a network by its parts. */
function directorOn(host: LabHost, name: string, bpffs: string) {
  const namespace = NetworkNamespace.open(host.netns)
  const location = { name, bpffs }
  return { location, namespace, director: new Director({ ...location, namespace, resolveTimeoutMs: 5000 }) }
}

/** The probes' namespace of an instance, as a host. */
const insideOf = (instance: string): LabHost => new LabHost(`veer-probe-${instance}`)

/** Drops all, and has each packet that comes so far looked up in the table of conntrack. */
function close(host: LabHost): void {
  host.shell(`
nft -f - <<'RULES'
table inet closed {
  chain input { type filter hook input priority 0; policy drop; ct state new counter drop; }
  chain output { type filter hook output priority 0; policy drop; ct state new counter drop; }
  chain forward { type filter hook forward priority 0; policy drop; ct state new counter drop; }
}
RULES`)
}

/** Entries of conntrack: a table without one of a probe may as well be full. */
const connCount = (host: LabHost): number => Number(host.shell('sysctl -n net.netfilter.nf_conntrack_count'))

const reserved = (host: LabHost): string => host.shell(`sysctl -n ${RESERVED}`).trim()

/** Each connection has its own, since the last one may still be in TIME_WAIT. */
let nextPort = FIRST

const ask = (location: InstanceLocation, target: ProbeTarget): string => askByProbePath(location, target, { port: nextPort++ })

describe('the path of probes', () => {
  let lab: Lab
  let config: Config
  let parts: ReturnType<typeof directorOn>

  beforeAll(async () => {
    lab = await Lab.create({ reals: 2 })
    config = parsed({ ...lab.config(), defaults: { health: tcp } })
    parts = directorOn(lab.director, lab.name, lab.bpffs)
    await parts.director.attach(config)
  })

  afterAll(async () => {
    await parts.director.detach()
    await lab[Symbol.asyncDispose]()
  })

  const inside = (): LabHost => insideOf(lab.name)
  const device = (): string => probeNames(lab.name).hostDevice

  it('is made as specified', async () => {
    const { mac } = factsOf(lab.director, 'eth0')
    const spec = {
      ...probeNames(lab.name),
      innerDevice: 'eth0',
      innerMac: mac,
      mtu: 1500,
      addresses: [],
      ports: { first: FIRST, last: 65535 },
    }
    const facts = await readProbeNamespace(parts.namespace, spec)
    expect(facts.inner).toMatchObject({ mac, mtu: 1500, up: true, gro: true, txChecksums: false, arp: false })
    expect(facts.inner?.addresses.sort()).toEqual(['10.0.0.1/32', '2001:db8:2::1/128'])
    expect(facts.routes.map(({ family, to, via }) => `${family} ${to} ${via}`).sort()).toEqual([
      '4 default 169.254.0.1',
      '6 default fe80::1',
    ])
    expect(facts.neighbours).toEqual(new Map(['169.254.0.1', 'fe80::1'].map((gateway) => [gateway, spec.hostMac])))
    expect(facts.host).toMatchObject({ mac: spec.hostMac, up: true, addresses: [] })
    expect(inside().shell('sysctl -n net.ipv4.ip_local_port_range net.ipv4.tcp_tw_reuse').split(/\s+/)).toEqual(['61000', '65535', '1', ''])
    expect(reserved(lab.director)).toBe('61000-65535')
    expect(instancePins(parts.location).list('links')).toContain(`probe_${facts.host?.ifindex}`)
  })

  it('is no change of a plan, and nothing to mend', async () => {
    expect((await parts.director.plan(config)).changes).toEqual([])
    await expect(parts.director.mendProbePath(config)).resolves.toEqual([])
  })

  it('runs the programs of another version after an upgrade', async () => {
    const programs = () => Instance.open(parts.location)
    {
      using instance = programs()
      instance.maps.meta.set(0, { ...instance.maps.meta.get(0)!, objectDigest: '00'.repeat(32) })
    }
    const ifindex = parts.namespace.run(() => native().interfaceIndex(device()))
    const before = parts.namespace.run(() => native().queryXdp(ifindex))
    await expect(parts.director.upgrade()).resolves.toBe(true)
    const after = parts.namespace.run(() => native().queryXdp(ifindex))
    using instance = programs()
    expect(after).toEqual({ programId: instance.programs.probe.id, mode: 'native' })
    expect(after.programId).not.toBe(before.programId)
    await expect(parts.director.mendProbePath(config)).resolves.toEqual([])
  })

  it('takes a connection to each real by its VIP, of both families, past a host that drops all', () => {
    close(lab.director)
    try {
      const targets = parts.director.probeTargets(config)
      const answers = targets.map((target) => `${target.destination} ${ask(parts.location, target)}`)
      expect(answers.sort()).toEqual([
        '10.0.0.100 real1',
        '10.0.0.100 real2',
        '2001:db8:2::100 real1',
        '2001:db8:2::100 real2',
      ])
      expect(connCount(lab.director)).toBe(0)
    } finally {
      lab.director.shell('nft delete table inet closed')
    }
  })

  it.each<[what: string, damage: () => void, wrong: () => string[]]>([
    ['the namespace', () => spawnSync('ip', ['netns', 'delete', inside().netns]), () => [`there is no namespace ${inside().netns}`]],
    ['its name', () => spawnSync('umount', [`/run/netns/${inside().netns}`]), () => [`${inside().netns} is no namespace`]],
    ['the host’s end', () => lab.director.shell(`ip link delete ${device()}`), () => [`there is no ${device()}`]],
    ['the state of it', () => lab.director.shell(`ip link set ${device()} down`), () => [`${device()} is down`]],
    ['the MTU of it', () => lab.director.shell(`ip link set ${device()} mtu 1400`), () => [`${device()} has the MTU 1400`]],
    ['the MAC', () => inside().shell('ip link set eth0 address 02:00:00:00:00:09'), () => ['eth0 has the MAC 02:00:00:00:00:09']],
    ['receive offload', () => inside().shell('ethtool -K eth0 gro off'), () => ['generic receive offload of eth0 is off']],
    ['checksum offload', () => inside().shell('ethtool -K eth0 tx on > /dev/null'), () => ['checksum offload of eth0 is on']],
    ['an address', () => inside().shell('ip address delete 2001:db8:2::1/128 dev eth0'), () => ['eth0 lacks the address 2001:db8:2::1']],
    ['a foreign address', () => inside().shell('ip address add 10.9.9.9/32 dev eth0'), () => ['eth0 has the address 10.9.9.9/32']],
    ['a route', () => inside().shell('ip -6 route delete default'), () => ['there is no default route of IPv6']],
    ['a foreign route', () => inside().shell('ip route add blackhole 10.0.0.100'), () => ['there is a route to 10.0.0.100']],
    ['a neighbour', () => inside().shell('ip neighbour delete 169.254.0.1 dev eth0'), () => ['there is no neighbour 169.254.0.1']],
    ['the ports inside', () => inside().shell('sysctl -qw net.ipv4.ip_local_port_range="2000 3000"'), () => ['net/ipv4/ip_local_port_range is 2000 3000']],
    ['the ports of the host', () => lab.director.shell(`sysctl -qw ${RESERVED}=8080`), () => ['the host may use the ports 61000-65535 itself']],
    ['the program', () => detachProgram(), () => [`${device()} does not run our program`]],
    ['an entry of a map', () => forgetSource(), () => ['the map probe_sources lacks 10.0.0.1']],
  ])('is put back after somebody changed %s, and says so', async (_, damage, wrong) => {
    damage()
    expect((await parts.director.plan(config)).changes.map(({ action, object }) => `${action} ${object}`)).toEqual(['change probePath'])
    expect(await parts.director.mendProbePath(config)).toEqual(expect.arrayContaining(wrong()))
    await expect(parts.director.mendProbePath(config)).resolves.toEqual([])
    const answers = parts.director.probeTargets(config).map((target) => ask(parts.location, target))
    expect(answers.sort()).toEqual(['real1', 'real1', 'real2', 'real2'])
    lab.director.shell(`sysctl -qw ${RESERVED}=61000-65535`)
  })

  function detachProgram(): void {
    const pins = instancePins(parts.location)
    const name = pins.list('links').find((each) => each.startsWith('probe_')) ?? ''
    using link = pins.openLink(name)
    link.detach()
    pins.remove('links', name)
  }

  function forgetSource(): void {
    using instance = Instance.open(parts.location)
    instance.maps.probeSources.delete(addressToWords('10.0.0.1'))
  }

  it('is examined by veer doctor, with the host’s own sockets on its ports', async () => {
    const server = createServer()
    parts.namespace.run(() => server.listen(61234))
    try {
      await once(server, 'listening')
      lab.director.shell(`sysctl -qw ${RESERVED}=''`)
      const failures = (await examine(parts.location, parts.namespace, [])).filter(({ status }) => status === 'failure')
      expect(failures.map(({ subject, message }) => `${subject}: ${message}`)).toEqual([
        'probe path: the host may use the ports 61000-65535 itself',
        'tcp port 61234: a socket of this host waits on it, and it is one of the ports of probes',
      ])
    } finally {
      server.close()
      await parts.director.mendProbePath(config)
    }
  })

  it('goes when no service is checked any more, and comes back', async () => {
    const unchecked = parsed(lab.config())
    const { changes } = await parts.director.apply(unchecked)
    expect(changes.map(({ action, object }) => `${action} ${object}`)).toContain('remove probePath')
    expect(existsSync(`/run/netns/${inside().netns}`)).toBe(false)
    expect(() => factsOf(lab.director, device())).toThrow()
    expect(reserved(lab.director)).toBe('')
    expect((await parts.director.plan(unchecked)).changes).toEqual([])
    const back = await parts.director.apply(config)
    expect(back.changes.map(({ action, object }) => `${action} ${object}`)).toContain('add probePath')
    await expect(parts.director.mendProbePath(config)).resolves.toEqual([])
  })
})

describe('a director with several interfaces', () => {
  let network: Network

  beforeAll(async () => {
    network = await Network.create({
      hosts: {
        director: {
          devices: {
            eth0: { wire: 'a', addresses: ['10.1.0.1/24', '2001:db8:1::1/64'] },
            eth1: { wire: 'b', addresses: ['10.2.0.1/24', '2001:db8:2::1/64'] },
          },
          director: true,
        },
        real1: { devices: { eth0: { wire: 'a', addresses: ['10.1.0.11/24', '2001:db8:1::11/64'] } }, vips: ['10.1.0.100'], serves: [80] },
        real2: { devices: { eth0: { wire: 'b', addresses: ['10.2.0.11/24', '2001:db8:2::11/64'] } }, serves: [80] },
      },
    })
  })

  afterAll(async () => {
    await network[Symbol.asyncDispose]()
  })

  const made: { director: Director; name: string }[] = []

  afterEach(async () => {
    for (const { director, name } of made.splice(0)) {
      if (director.attached) await director.detach()
      rmSync(`/run/veer/${name}.lock`, { force: true })
    }
  })

  const own = (suffix = '') => {
    const name = `${network.name}${suffix}`
    const all = directorOn(network.host('director'), name, network.bpffs)
    made.push({ director: all.director, name })
    return all
  }
  const file = (interfaces: string[], services: object[]) => parsed({ version: 1, interfaces, services })
  const dr = { name: 'dr', vip: '10.1.0.100', port: 80, health: tcp, reals: ['10.1.0.11'] }
  const nat = { name: 'nat', vip: '10.1.0.200', port: 80, forward: 'nat', health: tcp, reals: ['10.2.0.11'] }
  const nat6 = { ...nat, name: 'nat6', vip: '2001:db8:1::200', reals: ['2001:db8:2::11'] }

  const tracesOf = () => ({
    ...traces({ director: network.host('director'), bpffs: network.bpffs }),
    reserved: reserved(network.host('director')),
    namespace: existsSync(`/run/netns/${insideOf(network.name).netns}`),
    record: existsSync(`/run/veer/${network.name}.ports`),
  })

  it('has one pair for all, and each probe leaves by the interface of its real; nothing is left afterwards', async () => {
    const host = network.host('director')
    host.shell(`sysctl -qw ${RESERVED}=8080,61000`)
    const before = tracesOf()
    const { director, location } = own()
    const config = file(['eth0', 'eth1'], [dr, nat, nat6])
    await director.attach(config)
    const addresses = insideOf(location.name).shell('ip -oneline address show dev eth0 | awk \'{ print $4 }\' | sort')
    expect(addresses.trim().split('\n')).toEqual(['10.1.0.1/32', '10.2.0.1/32', '2001:db8:2::1/128'])
    const targets = director.probeTargets(config)
    close(host)
    const answers = targets.map((target) => [target.service, target.source, ask(location, target)])
    const conns = connCount(host)
    host.shell('nft delete table inet closed')
    expect(conns).toBe(0)
    expect(answers.sort()).toEqual([
      ['dr', '10.1.0.1', 'real1'],
      ['nat', '10.2.0.1', 'real2'],
      ['nat6', '2001:db8:2::1', 'real2'],
    ])
    expect(reserved(host)).toBe('8080,61000-65535')
    await director.detach()
    expect(tracesOf()).toEqual(before)
    host.shell(`sysctl -qw ${RESERVED}=''`)
  })

  it('goes through interfaces in generic mode, and through a native one as soon as all are', async () => {
    const { director, location, namespace } = own()
    const generic = ['eth0', 'eth1'].map((name) => ({ name, xdp: 'generic' }))
    const mode = () => namespace.run(() => native().queryXdp(native().interfaceIndex(probeNames(location.name).hostDevice)).mode)
    const config = parsed({ version: 1, interfaces: generic, services: [dr, nat, nat6] })
    await director.attach(config)
    expect(mode()).toBe('generic')
    expect(director.probeTargets(config).map((target) => ask(location, target)).sort()).toEqual(['real1', 'real2', 'real2'])
    await expect(director.mendProbePath(config)).resolves.toEqual([])
    const again = parsed({ version: 1, interfaces: generic.map(({ name }) => ({ name, xdp: 'native' })), services: [dr, nat, nat6] })
    await director.apply(again)
    expect(mode()).toBe('native')
    expect(director.probeTargets(again).map((target) => ask(location, target)).sort()).toEqual(['real1', 'real2', 'real2'])
  })

  it('keeps the ports reserved until the last of two instances is gone', async () => {
    const [first, second] = [own(), own('-2')]
    await first.director.attach(file(['eth0'], [dr]))
    await second.director.attach(file(['eth1'], [nat]))
    await first.director.detach()
    expect(reserved(network.host('director'))).toBe('61000-65535')
    const config = file(['eth1'], [nat])
    const [target] = second.director.probeTargets(config)
    expect(ask(second.location, target!)).toBe('real2')
    await second.director.detach()
    expect(reserved(network.host('director'))).toBe('')
  })

  it('refuses to attach where there is no address to probe from, and leaves nothing', async () => {
    const host = network.host('director')
    const { director } = own()
    const before = tracesOf()
    host.shell('ip address delete 10.2.0.1/24 dev eth1; ip address add 10.2.0.200/24 dev eth1')
    try {
      const only = { ...dr, vip: '10.2.0.200', reals: ['10.2.0.11'] }
      await expect(director.attach(file(['eth1'], [only]))).rejects.toMatchObject({ code: 'LB_ERR_PROBE_SOURCE_MISSING' })
    } finally {
      host.shell('ip address delete 10.2.0.200/24 dev eth1; ip address add 10.2.0.1/24 dev eth1')
    }
    expect(tracesOf()).toEqual(before)
  })

  it('serves without the path when that cannot be made, says so, and makes it later', async () => {
    const { director, location } = own()
    const before = tracesOf()
    const config = file(['eth0'], [dr])
    const inTheWay = `/run/netns/${insideOf(network.name).netns}`
    const warning = /^cannot make the path of probes: .*: nothing is probed until it is there; run as root/
    mkdirSync(inTheWay)
    try {
      expect((await director.attach(config)).warnings).toEqual([expect.stringMatching(warning)])
      expect((await director.apply(config)).warnings).toEqual([expect.stringMatching(warning)])
      await expect(director.mendProbePath(config)).rejects.toMatchObject({ code: 'LB_ERR_PROBE_PATH' })
    } finally {
      rmdirSync(inTheWay)
    }
    expect(await director.mendProbePath(config)).toContain(`there is no namespace ${insideOf(network.name).netns}`)
    const [target] = director.probeTargets(config)
    expect(ask(location, target!)).toBe('real1')
    await director.detach()
    expect(tracesOf()).toEqual(before)
  })
})
