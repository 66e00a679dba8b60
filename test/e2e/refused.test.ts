import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { LabDirector } from '../../lab/director.js'
import { Network } from '../../lab/network.js'
import { CLIENT, FAMILIES, type Family, NAT_VIP, serviceFor, twoArm, twoArmConfig, VIP_PORT } from '../../lab/two-arm.js'
import { dissect, type DissectedLayer } from '../support/packet/dissect.js'
import { wrongChecksums } from '../support/packet/verify.js'
import { scapyVerdict } from '../support/scapy.js'
import { DEADLINE } from './support.js'
import { Wire } from './wire.js'

/** Nobody listens there. */
const CLOSED_PORT = 8081

const ICMP = { 4: { name: 'icmp4', type: 3, code: 3 }, 6: { name: 'icmp6', type: 1, code: 4 } } as const

const named = (layers: readonly DissectedLayer[], name: string): DissectedLayer | undefined =>
  layers.find((layer) => layer.name === name)

/** What an ICMP error quotes, behind an Ethernet header as the error's own. */
function quotedFrame(frame: Uint8Array, icmp: DissectedLayer): Uint8Array {
  return Buffer.concat([frame.subarray(0, 14), frame.subarray(icmp.offset + icmp.length)])
}

describe('a nat real that refuses a datagram', () => {
  let network: Network
  let director: LabDirector

  beforeAll(async () => {
    network = await Network.create({ hosts: twoArm({ reals: 1 }) })
    director = new LabDirector(network)
    const services = FAMILIES.map(({ family }) =>
      serviceFor({ name: `closed-${family}`, family, forward: 'nat', protocol: 'udp', reals: 1, realPort: CLOSED_PORT }),
    )
    await director.attach(twoArmConfig(services))
  })

  afterAll(async () => {
    await network[Symbol.asyncDispose]()
  })

  /** The ICMP errors that have come to the client. */
  function refusals(wire: Wire, family: Family): Uint8Array[] {
    const { name, type } = ICMP[family]
    return wire.frames.filter((frame) => named(dissect(frame), name)?.fields.get('type') === type)
  }

  it.each(FAMILIES)("IPv$family: the client's socket hears of it", async ({ family }) => {
    await expect(network.client.udp(NAT_VIP[family], VIP_PORT, 'who', 5000)).resolves.toBe('ECONNREFUSED')
    expect(director.verdicts()['forward_reply_icmp_error']).toBeGreaterThan(0)
  })

  it.each(FAMILIES)('IPv$family: the error comes from the VIP and quotes what the client sent', async ({ family }) => {
    using wire = new Wire(network.client, 'eth0')
    await network.client.udp(NAT_VIP[family], VIP_PORT, 'who', 5000)
    await expect.poll(() => refusals(wire, family), DEADLINE).toHaveLength(1)
    const [frame = new Uint8Array()] = refusals(wire, family)
    const { name, code } = ICMP[family]
    const ip = `ipv${family}`
    const layers = dissect(frame)
    const icmp = named(layers, name)
    expect(icmp?.fields.get('code')).toBe(code)
    expect(named(layers, ip)?.fields.get('src')).toBe(NAT_VIP[family])
    expect(named(layers, ip)?.fields.get('dst')).toBe(CLIENT[family])

    const quoted = quotedFrame(frame, icmp as DissectedLayer)
    const inner = dissect(quoted)
    expect(named(inner, ip)?.fields.get('src')).toBe(CLIENT[family])
    expect(named(inner, ip)?.fields.get('dst')).toBe(NAT_VIP[family])
    expect(named(inner, 'udp')?.fields.get('dport')).toBe(VIP_PORT)
    expect(named(inner, 'payload')?.fields.get('bytes')).toBe(Buffer.from('who').toString('hex'))
    // The client's own sum: right for its port and the VIP alone.
    expect(wrongChecksums(frame)).toEqual([])
    expect(wrongChecksums(quoted)).toEqual([])
    expect(scapyVerdict([frame, quoted])).toEqual(['ok', 'ok'])
  })
})
