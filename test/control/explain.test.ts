import { describe, expect, it } from 'vitest'
import type { Explained, ExplainRequest } from '../../src/control/explain.js'
import { explainPacket } from '../../src/control/explain.js'
import type { Config } from '../../src/config/schema.js'
import type { HasRaw } from '../../src/maps/map-of-maps.js'
import { addressToWords } from '../../src/net/address.js'
import { parseEndpointPattern } from '../../src/net/endpoint.js'
import { NetworkNamespace } from '../../src/system/netns.js'
import { CLIENT, request, VIP } from '../packet/world.js'
import type { ServiceFields } from '../unit/control/support.js'
import { configOf, LO, macOf } from '../unit/control/support.js'
import { Kernel } from './kernel.js'

const REAL = '10.0.0.11'
const REAL6 = '2001:db8:10::11'
const WEB: ServiceFields = { name: 'web', reals: [REAL] }

/** A dataplane that counts as attached here. */
async function attached(config: Config): Promise<Kernel> {
  const kernel = await Kernel.open(config)
  const meta = kernel.maps.meta.get(0)
  if (meta === undefined) throw new Error('meta has no entry')
  kernel.maps.meta.set(0, { ...meta, netns: NetworkNamespace.current().inode() })
  return kernel
}

const endpoint = (text: string): ExplainRequest['from'] => {
  const { address, port } = parseEndpointPattern(text) ?? { address: '', port: undefined }
  return { address, port: port ?? 0 }
}

type Asked = Omit<Partial<ExplainRequest>, 'from' | 'to'> & { from?: string; to?: string }

async function explain(kernel: Kernel, asked: Asked = {}): Promise<Explained> {
  const { from = `${CLIENT[4]}:40000`, to = `${VIP[4]}:80`, ...rest } = asked
  return explainPacket(kernel.instance, NetworkNamespace.current(), {
    from: endpoint(from),
    to: endpoint(to),
    protocol: 'tcp',
    flags: ['SYN'],
    ...rest,
  })
}

/** Every byte of every map, counters and schedulers' memory included; but the sweeper's, which goes on by itself. */
function contents({ maps }: Kernel): Map<string, string> {
  const all = Object.entries<HasRaw>(maps).filter(([name]) => name !== 'sweeper')
  return new Map(
    all.map(([name, { raw }]) => [name, [...raw.batches()].map(({ keys, values }) => hex(keys) + hex(values)).join()]),
  )
}

const hex = (bytes: Buffer): string => bytes.toString('hex')

/** Explains, and makes sure that nothing came of it. */
async function explainOnly(kernel: Kernel, asked?: Asked): Promise<Explained> {
  const before = contents(kernel)
  const explained = await explain(kernel, asked)
  const after = contents(kernel)
  expect([...after.keys()].filter((name) => after.get(name) !== before.get(name))).toEqual([])
  return explained
}

const steps = ({ decisions }: Explained): string[] => decisions.map(({ step }) => step)

describe('explain', () => {
  it('a gateway ping: scheduled like a SYN, or dropped, by where it comes from', async () => {
    const kernel = await attached(configOf([WEB]))
    expect((await explainOnly(kernel, { ping: true })).verdict).toBe('forward_new')
    const settings = kernel.maps.settings.get(0)
    if (settings === undefined) throw new Error('settings has no entry')
    kernel.maps.settings.set(0, { ...settings, pingSources: 1 })
    const refused = await explainOnly(kernel, { ping: true })
    expect([refused.verdict, steps(refused)]).toEqual(['drop_ping', ['vip', 'ping']])
    kernel.maps.pingSources.set({ prefixLen: 128, addr: addressToWords(CLIENT[4]) }, 1)
    const forwarded = await explainOnly(kernel, { ping: true })
    expect(forwarded.verdict).toBe('forward_ping')
    expect(steps(forwarded)).toEqual(['vip', 'no_conn', 'ping', 'service', 'scheduled', 'dest'])
    expect(forwarded.after).toMatchObject({ destinationMac: macOf(REAL), ttl: 63 })
    expect((await explainOnly(kernel)).verdict).toBe('forward_new')
  })

  it('a new flow of dr: service, scheduler, real, and the packet before and after', async () => {
    const kernel = await attached(configOf([WEB]))
    const explained = await explainOnly(kernel)
    const packet = { protocol: 'tcp', source: CLIENT[4], sourcePort: 40000, destination: VIP[4], destinationPort: 80, flags: ['SYN'] }
    expect(explained).toEqual({
      interface: LO.name,
      decisions: [
        { step: 'vip', vip: VIP[4] },
        { step: 'no_conn' },
        { step: 'service', service: 'web', scheduler: 'rr', forward: 'dr' },
        { step: 'scheduled', scheduler: 'rr' },
        { step: 'dest', real: `${REAL}:80`, mac: macOf(REAL) },
      ],
      verdict: 'forward_new',
      before: { ...packet, sourceMac: '02:00:5e:00:00:01', destinationMac: LO.mac, ttl: 64 },
      after: { ...packet, sourceMac: LO.mac, destinationMac: macOf(REAL), ttl: 63 },
    })
  })

  it("a new flow of nat: the address is the real's", async () => {
    const kernel = await attached(configOf([{ ...WEB, forward: 'nat' }]))
    const explained = await explainOnly(kernel)
    expect(explained).toMatchObject({
      verdict: 'forward_new',
      after: { source: CLIENT[4], sourcePort: 40000, destination: REAL, destinationPort: 80, ttl: 63 },
    })
  })

  it('a known flow: its conn with state and timer', async () => {
    const kernel = await attached(configOf([WEB]))
    for (const flags of [['syn'], ['ack']] as const) kernel.send(request(4, 'tcp', { sport: 40000, flags: [...flags] }))
    const explained = await explainOnly(kernel, { flags: ['ACK'] })
    expect(explained.verdict).toBe('forward_known')
    expect(steps(explained)).toEqual(['vip', 'conn', 'dest'])
    expect(explained.decisions[1]).toMatchObject({ state: 'ESTABLISHED' })
  })

  it('a flow whose real was removed', async () => {
    const kernel = await attached(configOf([WEB]))
    kernel.send(request(4, 'tcp', { sport: 40000, flags: ['syn'] }))
    kernel.become(configOf([{ ...WEB, reals: ['10.0.0.12'] }]))
    const reset = await explainOnly(kernel, { flags: ['ACK'] })
    expect(reset.verdict).toBe('reply_reset')
    expect(steps(reset)).toContain('real_gone')
    expect(reset.after).toMatchObject({ source: VIP[4], destination: CLIENT[4] })
    expect(await explainOnly(kernel)).toMatchObject({ verdict: 'forward_new' })
  })

  it('persistence: no template, and then one', async () => {
    const kernel = await attached(configOf([{ ...WEB, persistence: { timeout: 300 } }]))
    expect(steps(await explainOnly(kernel))).toContain('no_template')
    kernel.send(request(4, 'tcp', { sport: 40001, flags: ['syn'] }))
    const explained = await explainOnly(kernel)
    expect(explained.decisions).toContainEqual({ step: 'template', real: `${REAL}:80` })
    expect(steps(explained)).not.toContain('scheduled')
  })

  it('no usable real', async () => {
    const kernel = await attached(configOf([{ ...WEB, reals: [[REAL, 0]] }]))
    const explained = await explainOnly(kernel)
    expect(explained.verdict).toBe('reply_no_real')
    expect(explained.after).toMatchObject({ protocol: 'icmp', type: 3, code: 3, destination: CLIENT[4] })
    expect(steps(explained)).not.toContain('dest')
  })

  it.each([
    [{ to: '203.0.113.99:80' }, 'pass_not_vip', []],
    [{ to: `${VIP[4]}:81` }, 'pass_unmatched', ['vip']],
    [{ protocol: 'icmp', from: CLIENT[4], to: VIP[4] }, 'reply_echo', ['vip']],
  ] as const)('%j is %s', async (asked, verdict, taken) => {
    const kernel = await attached(configOf([WEB]))
    const explained = await explainOnly(kernel, asked)
    expect({ verdict: explained.verdict, steps: steps(explained) }).toEqual({ verdict, steps: taken })
  })

  it('UDP, and IPv6', async () => {
    const kernel = await attached(configOf([{ name: 'dns', vip: VIP[6], port: 53, protocol: 'udp', reals: [REAL6] }]))
    const asked = { from: `[${CLIENT[6]}]:5000`, to: `[${VIP[6]}]:53`, protocol: 'udp' } as const
    expect(await explainOnly(kernel, asked)).toMatchObject({
      verdict: 'forward_new',
      decisions: [{ step: 'vip', vip: VIP[6] }, {}, {}, {}, { real: `[${REAL6}]:53` }],
      after: { ttl: 63, destinationMac: macOf(REAL6), destination: VIP[6] },
    })
  })

  it('an interface that is not attached is an error that names those that are', async () => {
    const kernel = await attached(configOf([WEB]))
    const error = { code: 'LB_ERR_INTERFACE_MISSING', hint: 'attached are: lo' }
    await expect(explain(kernel, { interface: 'eth9' })).rejects.toMatchObject(error)
  })

  it('in another network namespace than the attach is an error', async () => {
    const kernel = await Kernel.open(configOf([WEB]))
    await expect(explain(kernel)).rejects.toMatchObject({ code: 'LB_ERR_NETNS_OTHER' })
  })
})
