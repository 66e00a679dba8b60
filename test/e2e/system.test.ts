import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Lab } from '../../lab/topology.js'
import { VeerError } from '../../src/errors.js'
import { ensureBpffs, isBpffs } from '../../src/system/bpffs.js'
import { interfaceFacts, readInterfaces, type InterfaceFacts } from '../../src/system/interfaces.js'
import { withInstanceLock } from '../../src/system/lock.js'
import { type NeighbourEvent, neighbourKey, NeighbourProber, type NeighbourTarget } from '../../src/system/neighbour-prober.js'
import { NetworkNamespace } from '../../src/system/netns.js'
import { readSysctl, writeSysctl } from '../../src/system/sysctl.js'

/** The error of a call that must fail with a VeerError. */
function failureOf(call: () => unknown): VeerError {
  try {
    call()
  } catch (error) {
    if (error instanceof VeerError) return error
    throw error
  }
  throw new Error('it did not fail')
}

describe('a network namespace', () => {
  let lab: Lab
  let namespace: NetworkNamespace

  beforeAll(async () => {
    lab = await Lab.create({ reals: 1 })
    namespace = NetworkNamespace.open(lab.director.netns)
  })

  afterAll(async () => {
    await lab[Symbol.asyncDispose]()
  })

  it('is the same by name and by path, and another than the current', () => {
    const byPath = NetworkNamespace.open(`/run/netns/${lab.director.netns}`)
    expect(byPath.inode()).toBe(namespace.inode())
    expect(NetworkNamespace.current().inode()).not.toBe(namespace.inode())
    expect(NetworkNamespace.open().inode()).toBe(NetworkNamespace.current().inode())
  })

  it('is inherited by processes started inside, and left again', () => {
    const link = (): string => execFileSync('readlink', ['/proc/self/ns/net'], { encoding: 'utf8' }).trim()
    expect(namespace.run(link)).toBe(`net:[${namespace.inode()}]`)
    expect(link()).toBe(`net:[${NetworkNamespace.current().inode()}]`)
  })

  it('is left also when the work inside throws', () => {
    const failing = (): never => namespace.run(() => { throw new Error('inside') })
    expect(failing).toThrow('inside')
    expect(readInterfaces(NetworkNamespace.current())).not.toEqual(readInterfaces(namespace))
  })

  it('that is not there is said by name', () => {
    const error = failureOf(() => NetworkNamespace.open('veer-no-such'))
    expect(error.code).toBe('LB_ERR_NETNS_MISSING')
    expect(error.message).toContain('veer-no-such')
  })

  it('must be one: another file is refused', () => {
    expect(failureOf(() => NetworkNamespace.open('/etc/hostname').run(() => 0)).code).toBe('LB_ERR_NETNS_UNUSABLE')
  })

  it('shows its interfaces with addresses', () => {
    const [eth0] = interfaceFacts(namespace, ['eth0'])
    expect(eth0).toMatchObject({ name: 'eth0', kind: 'veth', mtu: 1500, up: true, carrier: true, parent: undefined })
    expect(eth0?.mac).toMatch(/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/)
    expect(eth0?.addresses).toContainEqual({ address: '10.0.0.1', prefixLength: 24 })
    expect(eth0?.addresses).toContainEqual({ address: '2001:db8:2::1', prefixLength: 64 })
  })

  it('a missing interface is an error that lists those there are', () => {
    const error = failureOf(() => interfaceFacts(namespace, ['eth0', 'eth7']))
    expect(error.code).toBe('LB_ERR_INTERFACE_MISSING')
    expect(error.message).toContain('eth7')
    expect(error.hint).toMatch(/lo, eth0|eth0, lo/)
  })

  it('has settings of its own', () => {
    const key = 'net/ipv4/conf/eth0/arp_ignore'
    const here = readSysctl(NetworkNamespace.current(), 'net/ipv4/conf/all/arp_ignore')
    writeSysctl(namespace, key, 3)
    writeSysctl(namespace, 'net/ipv4/conf/all/arp_ignore', 8)
    expect(readSysctl(namespace, key)).toBe('3')
    expect(lab.director.shell(`cat /proc/sys/${key}`)).toBe('3\n')
    expect(readSysctl(NetworkNamespace.current(), 'net/ipv4/conf/all/arp_ignore')).toBe(here)
  })

  it('a setting that is not there reads as undefined and is an error to write', () => {
    expect(readSysctl(namespace, 'net/ipv4/conf/eth7/arp_ignore')).toBeUndefined()
    const error = failureOf(() => writeSysctl(namespace, 'net/ipv4/conf/eth7/arp_ignore', 1))
    expect(error.code).toBe('LB_ERR_SYSCTL_UNWRITABLE')
  })
})

describe('neighbours', () => {
  let lab: Lab
  let namespace: NetworkNamespace
  let eth0: InterfaceFacts

  beforeAll(async () => {
    lab = await Lab.create({ reals: 2 })
    namespace = NetworkNamespace.open(lab.director.netns)
    const [facts] = interfaceFacts(namespace, ['eth0'])
    if (facts === undefined) throw new Error('no eth0')
    eth0 = facts
  })

  afterAll(async () => {
    await lab[Symbol.asyncDispose]()
  })

  const macOf = (number: number): string => {
    const [facts] = interfaceFacts(NetworkNamespace.open(lab.real(number).netns), ['eth0'])
    return facts?.mac ?? ''
  }
  const target = (address: string): NeighbourTarget => ({ address, ifindex: eth0.ifindex })
  const prober = (): NeighbourProber => new NeighbourProber({ namespace, interfaces: [eth0] })

  it('are resolved over IPv4 and IPv6, and who is not there is left out', async () => {
    using asking = prober()
    const present = [lab.real(1), lab.real(2)].flatMap(({ addresses }) => addresses)
    const found = await asking.resolve([...present, '10.0.0.99', '2001:db8:2::99'].map(target), 600)
    const macs = { '10.0.0.11': macOf(1), '2001:db8:2::11': macOf(1), '10.0.0.12': macOf(2), '2001:db8:2::12': macOf(2) }
    const expected = Object.entries(macs).map(([address, mac]) => [neighbourKey(target(address)), mac] as const)
    expect(found).toEqual(new Map(expected))
  })

  it('a VIP that reals have on lo is answered by none of them', async () => {
    using asking = prober()
    await expect(asking.resolve(lab.vips.map(target), 500)).resolves.toEqual(new Map())
  })

  it('that change their MAC are reported, IPv4 and IPv6', async () => {
    using watching = prober()
    const { addresses } = lab.real(2)
    const before = macOf(2)
    const after = '02:00:00:00:00:77'
    const moved = new Set<string>()
    const bothMoved = new Promise<void>((resolve) => {
      const onChange = ({ address, mac }: NeighbourEvent): void => {
        if (mac === after) moved.add(address)
        if (moved.size === 2) resolve()
      }
      watching.watch(addresses.map((address) => ({ ...target(address), mac: before })), onChange)
    })
    lab.real(2).shell(`ip link set dev eth0 address ${after}`)
    await bothMoved
    expect(moved).toEqual(new Set(addresses))
  })

  it('that go silent are reported lost with their last MAC', async () => {
    using watching = prober()
    const mac = macOf(1)
    const event = new Promise<NeighbourEvent>((resolve) => watching.watch([{ ...target('10.0.0.98'), mac }], resolve))
    await expect(event).resolves.toEqual({ ...target('10.0.0.98'), change: 'lost', mac })
  })

  it('are told of a VIP: the router learns who has it now', async () => {
    const neighbours = (): string => lab.router.shell('ip neighbour show dev eth1')
    for (const vip of lab.vips) lab.router.shell(`ip neighbour replace ${vip} lladdr 02:00:00:00:00:99 dev eth1 nud stale`)
    using telling = prober()
    telling.announce(lab.vips, eth0.ifindex)
    for (const vip of lab.vips) await expect.poll(neighbours).toContain(`${vip} lladdr ${eth0.mac}`)
  })
})

describe('the instance lock', () => {
  let directory: string

  beforeAll(() => {
    directory = mkdtempSync(`${tmpdir()}/veer-lock-`)
  })

  afterAll(() => {
    rmSync(directory, { recursive: true })
  })

  it('lets one writer in at a time, in turn', async () => {
    const order: string[] = []
    const work = (name: string) => async (): Promise<void> => {
      order.push(`${name} in`)
      await new Promise((resolve) => setImmediate(resolve))
      order.push(`${name} out`)
    }
    await Promise.all(['a', 'b'].map((name) => withInstanceLock('turns', work(name), { directory })))
    expect(order).toEqual(['a in', 'a out', 'b in', 'b out'])
  })

  it('gives up with the file named, and other instances are free', async () => {
    const inner = withInstanceLock('held', () => withInstanceLock('held', () => 0, { directory, waitMs: 100 }), { directory })
    await expect(inner).rejects.toMatchObject({ code: 'LB_ERR_INSTANCE_BUSY', message: expect.stringContaining('held.lock') })
    const outer = withInstanceLock('held', () => withInstanceLock('other', () => 'free', { directory }), { directory })
    await expect(outer).resolves.toBe('free')
  })

  it('leaves no file, also after failure and after somebody has died with it', async () => {
    writeFileSync(`${directory}/died.lock`, '')
    await withInstanceLock('died', () => expect(readdirSync(directory)).toEqual(['died.lock']), { directory })
    await expect(withInstanceLock('fails', () => Promise.reject(new Error('inside')), { directory })).rejects.toThrow()
    expect(readdirSync(directory)).toEqual([])
  })

  it('is given back when the work fails', async () => {
    const failing = withInstanceLock('fails', () => Promise.reject(new Error('inside')), { directory })
    await expect(failing).rejects.toThrow('inside')
    await expect(withInstanceLock('fails', () => 'in', { directory, waitMs: 0 })).resolves.toBe('in')
  })
})

describe('the BPF filesystem', () => {
  it('is mounted where there is none, and left alone where there is one', () => {
    const parent = mkdtempSync(`${tmpdir()}/veer-bpffs-`)
    const directory = `${parent}/bpf`
    try {
      expect(isBpffs(directory)).toBe(false)
      ensureBpffs(directory)
      ensureBpffs(directory)
      expect(isBpffs(directory)).toBe(true)
      expect(execFileSync('mount', { encoding: 'utf8' }).split('\n').filter((line) => line.includes(parent))).toHaveLength(1)
    } finally {
      execFileSync('umount', [directory])
      rmSync(parent, { recursive: true })
    }
  })

  it('that cannot be mounted leaves no directory behind', () => {
    const error = failureOf(() => ensureBpffs('/proc/veer-no-such'))
    expect(error.code).toBe('LB_ERR_BPFFS_UNAVAILABLE')
    expect(error.message).toContain('/proc/veer-no-such')
    expect(existsSync('/proc/veer-no-such')).toBe(false)
  })
})
