import { describe, expect, it } from 'vitest'
import { solicitedNodeMac } from '../../src/net/mac.js'
import { addressBytes } from '../../src/net/address.js'
import {
  arpReply,
  arpRequest,
  BROADCAST_MAC,
  eth,
  hopByHop,
  icmp6,
  ipv6,
  linkLayerOption,
  ndAdvertisement,
  ndSolicitation,
  packet,
  payload,
  vlan,
  type Layer,
  type Packet,
} from '../support/packet/build.js'
import type { ArpFields } from '../support/packet/link.js'
import { expectPacket } from '../support/packet/diff.js'
import { verifyChecksums } from '../support/packet/verify.js'
import { scapyVerdict } from '../support/scapy.js'
import { Director } from './director.js'
import { CLIENT, INGRESS, NOT_A_VIP, OUR_MAC, ROUTER_MAC, SILENT_VIP, STRANGER_MAC, VIP, world } from './world.js'

const ASKER_MAC = ROUTER_MAC

function question(fields: Partial<ArpFields> = {}, dst: string = BROADCAST_MAC, tags: Layer[] = []): Packet {
  const asked = { senderMac: ASKER_MAC, senderAddress: CLIENT[4], targetAddress: VIP[4], ...fields }
  return packet(eth({ src: ASKER_MAC, dst }), tags, arpRequest(asked))
}

const ARP_ANSWER = { senderMac: OUR_MAC, senderAddress: VIP[4], targetMac: ASKER_MAC, targetAddress: CLIENT[4] }

describe('ARP for a VIP', () => {
  it.each([
    ['a broadcast', BROADCAST_MAC],
    ['a request to our own MAC', OUR_MAC],
  ])('answers %s with the MAC of the interface', async (_, dst) => {
    const director = await Director.serving(world())
    const out = director.send(question({}, dst))
    expect(out).toMatchObject({ verdict: 'replyArp', action: 'tx' })
    expectPacket(out.frame).toEqualPacket(packet(eth({ src: OUR_MAC, dst: ASKER_MAC }), arpReply(ARP_ANSWER)))
  })

  it('answers inside the VLAN of the question, padding and all', async () => {
    const director = await Director.serving(world())
    const asked = Uint8Array.from([...question({}, BROADCAST_MAC, [vlan(30)]).bytes(), ...new Uint8Array(14)])
    const answer = packet(
      eth({ src: OUR_MAC, dst: ASKER_MAC }),
      vlan(30),
      arpReply(ARP_ANSWER),
      payload(new Uint8Array(14)),
    )
    expectPacket(director.send(asked).frame).toEqualPacket(answer)
  })

  it('answers a probe, whose sender address is 0.0.0.0', async () => {
    const director = await Director.serving(world())
    expect(director.send(question({ senderAddress: '0.0.0.0' })).verdict).toBe('replyArp')
  })

  it.each([
    ['a question about another address', question({ targetAddress: NOT_A_VIP[4] })],
    ['a question about a VIP that it does not announce', question({ targetAddress: SILENT_VIP[4] })],
    ['a reply', question({ operation: 2 })],
    ['a gratuitous announcement of the VIP', question({ senderAddress: VIP[4] })],
    ['another hardware type', question({ hardwareType: 6 })],
    ['another protocol type', question({ protocolType: 0x86dd })],
    ['another hardware length', question({ hardwareLength: 8 })],
    ['another protocol length', question({ protocolLength: 16 })],
    ['a question that is cut off', question().bytes().slice(0, 41)],
  ])('leaves to the host: %s', async (_, sent) => {
    const director = await Director.serving(world())
    expect(director.send(sent)).toMatchObject({ verdict: 'passNotIp', action: 'pass' })
  })

  it('does not answer a question that is addressed to another host', async () => {
    const director = await Director.serving(world())
    expect(director.send(question({}, STRANGER_MAC)).verdict).toBe('passOtherHost')
  })

  it('does not answer on an interface that is not ours', async () => {
    const director = await Director.serving(world((table) => table.interfaces.delete(INGRESS)))
    expect(director.send(question()).verdict).toBe('passOtherHost')
  })
})

const GROUP = 'ff02::1:ff00:10'
const GROUP_MAC = solicitedNodeMac(addressBytes(VIP[6]))
const OTHER_GROUP = 'ff02::1:ff00:11'
const FROM_ASKER = linkLayerOption(1, ASKER_MAC)

interface Solicitation {
  src?: string
  dst?: string
  target?: string
  hopLimit?: number
  options?: Uint8Array
  code?: number
  dstMac?: string
  tags?: Layer[]
  payloadLength?: number
}

function solicitation(fields: Solicitation = {}): Packet {
  const { src = CLIENT[6], dst = GROUP, hopLimit = 255, target = VIP[6], options = FROM_ASKER, code = 0 } = fields
  const length = fields.payloadLength === undefined ? {} : { payloadLength: fields.payloadLength }
  return packet(
    eth({ src: ASKER_MAC, dst: fields.dstMac ?? (dst === VIP[6] ? OUR_MAC : GROUP_MAC) }),
    fields.tags ?? [],
    ipv6({ src, dst, hopLimit, trafficClass: 0xc0, flowLabel: 7, ...length }),
    ndSolicitation({ target, options, code }),
  )
}

function advertisement(tags: Layer[] = []): Packet {
  return packet(
    eth({ src: OUR_MAC, dst: ASKER_MAC }),
    tags,
    ipv6({ src: VIP[6], dst: CLIENT[6], hopLimit: 255 }),
    ndAdvertisement({ target: VIP[6], flags: ['solicited', 'override'], options: linkLayerOption(2, OUR_MAC) }),
  )
}

const TO_ALL_NODES = packet(
  eth({ src: OUR_MAC, dst: '33:33:00:00:00:01' }),
  ipv6({ src: VIP[6], dst: 'ff02::1', hopLimit: 255 }),
  ndAdvertisement({ target: VIP[6], flags: ['override'], options: linkLayerOption(2, OUR_MAC) }),
)

describe('neighbour solicitation for a VIP', () => {
  it.each([
    ['to its solicited-node group', solicitation()],
    ['to the VIP itself', solicitation({ dst: VIP[6] })],
    ['without options', solicitation({ options: new Uint8Array(0) })],
    ['with many options', solicitation({ options: new Uint8Array(200) })],
    ['with more than a page of options', solicitation({ options: new Uint8Array(6000) })],
  ])('is answered with one advertisement of 86 bytes: %s', async (_, sent) => {
    const director = await Director.serving(world())
    const out = director.send(sent)
    expect(out).toMatchObject({ verdict: 'replyNd', action: 'tx' })
    expect(out.frame.length).toBe(86)
    expectPacket(out.frame).toEqualPacket(advertisement())
    verifyChecksums(out.frame)
    expect(scapyVerdict([out.frame])).toEqual(['ok'])
  })

  it('is answered inside its VLANs', async () => {
    const director = await Director.serving(world())
    const tags = [vlan(20, { tpid: 0x88a8 }), vlan(10)]
    expectPacket(director.send(solicitation({ tags })).frame).toEqualPacket(advertisement(tags))
  })

  it('is answered to all nodes when it comes from duplicate address detection', async () => {
    const director = await Director.serving(world())
    const out = director.send(solicitation({ src: '::', options: new Uint8Array(0) }))
    expect(out.verdict).toBe('replyNd')
    expectPacket(out.frame).toEqualPacket(TO_ALL_NODES)
    verifyChecksums(out.frame)
  })

  it.each([
    ['for another address', solicitation({ target: NOT_A_VIP[6] })],
    ['for a VIP that is not announced', solicitation({ target: SILENT_VIP[6] })],
    ["sent to a group that is not the VIP's", solicitation({ dst: OTHER_GROUP })],
    ['from a router further away', solicitation({ hopLimit: 254 })],
    ['of another code', solicitation({ code: 1 })],
    ['too short to name a target', solicitation({ payloadLength: 23 })],
    ['longer than its frame', solicitation({ payloadLength: 33 })],
    [
      'of another type',
      packet(
        eth({ src: ASKER_MAC, dst: GROUP_MAC }),
        ipv6({ src: CLIENT[6], dst: GROUP, hopLimit: 255 }),
        icmp6({ type: 131 }),
        payload(addressBytes(VIP[6])),
      ),
    ],
    [
      'behind an extension header',
      packet(
        eth({ src: ASKER_MAC, dst: GROUP_MAC }),
        ipv6({ src: CLIENT[6], dst: GROUP, hopLimit: 255 }),
        hopByHop(),
        ndSolicitation({ target: VIP[6] }),
      ),
    ],
  ])('is left to the host when multicast: %s', async (_, sent) => {
    const director = await Director.serving(world())
    expect(director.send(sent)).toMatchObject({ verdict: 'passNotVip', action: 'pass' })
  })

  it.each([
    ['from a router further away', solicitation({ dst: VIP[6], hopLimit: 64 })],
    ['of another code', solicitation({ dst: VIP[6], code: 1 })],
    ['too short to name a target', solicitation({ dst: VIP[6], payloadLength: 23 })],
    ['for another address', solicitation({ dst: VIP[6], target: NOT_A_VIP[6] })],
    [
      'behind an extension header',
      packet(
        eth({ src: ASKER_MAC, dst: OUR_MAC }),
        ipv6({ src: CLIENT[6], dst: VIP[6], hopLimit: 255 }),
        hopByHop(),
        ndSolicitation({ target: VIP[6] }),
      ),
    ],
    [
      'an advertisement',
      packet(
        eth({ src: ASKER_MAC, dst: OUR_MAC }),
        ipv6({ src: CLIENT[6], dst: VIP[6], hopLimit: 255 }),
        ndAdvertisement({ target: VIP[6], flags: ['override'] }),
      ),
    ],
  ])('is left to the host when sent to the VIP: %s', async (_, sent) => {
    const director = await Director.serving(world())
    expect(director.send(sent)).toMatchObject({ verdict: 'passIcmp', action: 'pass' })
  })

  it('is not answered when sent to the VIP in a frame for another host', async () => {
    const director = await Director.serving(world())
    expect(director.send(solicitation({ dst: VIP[6], dstMac: STRANGER_MAC })).verdict).toBe('passOtherHost')
  })

  it('is not answered on an interface that is not ours', async () => {
    const director = await Director.serving(world((table) => table.interfaces.delete(INGRESS)))
    expect(director.send(solicitation()).verdict).toBe('passOtherHost')
  })
})
