import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { LabDirector } from '../../lab/director.js'
import { type HostSpec, Network } from '../../lab/network.js'
import { CLIENT, FAMILIES, type Family, NAT_VIP, serviceFor, twoArm, twoArmConfig } from '../../lab/two-arm.js'
import { wrongChecksums } from '../support/packet/verify.js'
import { DEADLINE, url } from './support.js'
import { layer, Wire } from './wire.js'

const SIZE = 5 << 20
const MTU = 1500

const REAL: HostSpec = {
  devices: { eth0: { wire: 'back', addresses: ['10.1.0.11/24', '2001:db8:3::11/64'], offload: true } },
  via: ['10.1.0.1', '2001:db8:3::1'],
  serves: [8080],
  // Generic XDP copies what is in pieces, and the copy of a larger one is not translated; see bpf/tc_reply.c.
  shell: 'ip link set dev eth0 gso_max_size 15000',
}

const DIRECTOR: HostSpec = {
  devices: {
    eth0: { wire: 'front', addresses: ['10.0.0.1/24', '2001:db8:2::1/64'] },
    eth1: { wire: 'back', addresses: ['10.1.0.1/24', '2001:db8:3::1/64'], offload: true },
  },
  via: ['10.0.0.254', '2001:db8:2::fe'],
  router: true,
  director: true,
  shell: 'ethtool -K eth1 gro on >/dev/null',
}

const ROUTER: HostSpec = {
  devices: {
    eth0: { wire: 'access', addresses: ['192.0.2.1/24', '2001:db8:1::1/64'] },
    eth1: { wire: 'front', addresses: ['10.0.0.254/24', '2001:db8:2::fe/64'] },
  },
  router: true,
}

/**
 * A veth with a native program makes its peer cut what it sends to frames of the MTU, and puts them together again
 * itself; with a generic one it takes packets as large as the peer's TCP made them, with checksums that are half made.
 */
const MODES = [
  { xdp: 'generic', title: 'segments that the real left to its device' },
  { xdp: 'native', title: 'frames that receive offload put together' },
] as const

describe.each(MODES)('replies as large packets: $title', ({ xdp }) => {
  let network: Network

  beforeAll(async () => {
    network = await Network.create({ hosts: twoArm({ hosts: { router: ROUTER, director: DIRECTOR, real1: REAL }, reals: 0 }) })
    const interfaces = ['eth0', { name: 'eth1', xdp }]
    const services = FAMILIES.map(({ family }) => serviceFor({ name: `web-${family}`, family, forward: 'nat', reals: 1 }))
    await new LabDirector(network).attach(twoArmConfig(services, { interfaces }))
  })

  afterAll(async () => {
    await network[Symbol.asyncDispose]()
  })

  /** The frames that the director's arm to the real has received, by a socket that sees them before the programs of TC. */
  const largest = (wire: Wire): number => Math.max(...wire.frames.map((frame) => frame.length))

  const toClient = (wire: Wire, family: Family): Uint8Array[] => {
    const ip = family === 4 ? 'ipv4' : 'ipv6'
    return wire.frames.filter((frame) => layer(frame, 'tcp') !== undefined && layer(frame, ip)?.get('dst') === CLIENT[family])
  }

  /** Segments that the client's TCP has thrown away for a wrong checksum. */
  function checksumErrors(): string {
    const [names = '', values = ''] = network.client.shell('grep ^Tcp: /proc/thread-self/net/snmp').split('\n')
    return values.split(' ')[names.split(' ').indexOf('InCsumErrors')] ?? ''
  }

  it.each(FAMILIES)('IPv$family: 5 MB arrive whole, with right checksums', async ({ family }) => {
    using atDirector = new Wire(network.host('director'), 'eth1')
    using atClient = new Wire(network.client, 'eth0')
    await expect(network.client.curl(url(NAT_VIP[family], `/bytes/${SIZE}`))).resolves.toHaveLength(SIZE)
    await expect.poll(() => largest(atDirector), DEADLINE).toBeGreaterThan(2 * MTU)
    // The socket may miss some, but TCP none.
    await expect.poll(() => toClient(atClient, family).length, DEADLINE).toBeGreaterThan(100)
    expect(toClient(atClient, family).filter((frame) => wrongChecksums(frame).length > 0)).toHaveLength(0)
    expect(checksumErrors()).toBe('0')
  })
})
