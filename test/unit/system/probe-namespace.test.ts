import { describe, expect, it } from 'vitest'
import type { InnerFacts, ProbeNamespaceFacts } from '../../../src/system/probe-namespace-facts.js'
import { parseAnswers } from '../../../src/system/ip-batch.js'
import { sortAnswers } from '../../../src/system/probe-namespace-facts.js'
import type { Step } from '../../../src/system/probe-namespace-plan.js'
import { planMends } from '../../../src/system/probe-namespace-plan.js'
import { settingsOf } from '../../../src/system/probe-namespace-settings.js'
import { probeNames } from '../../../src/system/probe-namespace.js'

const MAC = '52:00:00:00:00:01'

const SPEC = {
  ...probeNames('main'),
  innerDevice: 'eth0',
  innerMac: MAC,
  mtu: 1500,
  addresses: ['10.0.0.1', '2001:db8::1'],
  ports: { first: 61000, last: 65535 },
}

const SETTINGS = settingsOf(SPEC, true)

const INNER: InnerFacts = {
  ifindex: 2,
  peer: 7,
  mac: MAC,
  mtu: 1500,
  up: true,
  arp: false,
  addresses: ['10.0.0.1/32', '2001:db8::1/128'],
  gro: true,
  txChecksums: false,
}

const DEFAULT_4 = { family: 4, type: 'unicast', to: 'default', via: '169.254.0.1', device: 'eth0' } as const
const DEFAULT_6 = { ...DEFAULT_4, family: 6, via: 'fe80::1' } as const

/** All is as it should be. */
const RIGHT: ProbeNamespaceFacts = {
  namespace: 'there',
  others: [],
  host: { ...INNER, ifindex: 7, peer: 2, mac: SPEC.hostMac, arp: true, addresses: [] },
  inner: INNER,
  loopbackUp: true,
  routes: [DEFAULT_4, DEFAULT_6],
  neighbours: new Map([
    ['169.254.0.1', SPEC.hostMac],
    ['fe80::1', SPEC.hostMac],
  ]),
  hostSettings: SETTINGS.host,
  innerSettings: new Map([...SETTINGS.namespace, ...SETTINGS.device]),
}

const text = (step: Step): string =>
  `${step.where}: ${'command' in step ? `${step.command} ${step.arguments.join(' ')}` : `${step.setting} = ${step.value}`}`

const plan = (facts: Partial<ProbeNamespaceFacts>) => planMends(SPEC, { ...RIGHT, ...facts }, SETTINGS)
const inner = (change: Partial<InnerFacts>) => ({ inner: { ...INNER, ...change } })

describe('a plan for the probes’ namespace', () => {
  it('has nothing to do when all is right', () => {
    expect(plan({})).toEqual([])
  })

  it.each<[what: string, facts: Partial<ProbeNamespaceFacts>, wrong: string[]]>([
    ['no namespace', { namespace: 'missing', inner: undefined }, ['there is no namespace veer-probe-main']],
    ['a file that is none', { namespace: 'broken', inner: undefined }, ['veer-probe-main is no namespace']],
    ['no pair', { host: undefined, inner: undefined }, [`there is no ${SPEC.hostDevice}`]],
    ['half a pair', { inner: undefined }, ['there is no eth0 in veer-probe-main']],
    ['two halves', inner({ peer: 8 }), [`${SPEC.hostDevice} does not lead to eth0 in veer-probe-main`]],
    ['another MAC', inner({ mac: '52:00:00:00:00:09' }), ['eth0 has the MAC 52:00:00:00:00:09']],
    ['another MTU', inner({ mtu: 1400 }), ['eth0 has the MTU 1400']],
    ['questions', inner({ arp: true }), ['eth0 asks by ARP and ND']],
    ['no GRO', inner({ gro: false }), ['generic receive offload of eth0 is off']],
    ['offloaded checksums', inner({ txChecksums: true }), ['checksum offload of eth0 is on']],
    ['nothing known of offloads', inner({ gro: undefined, txChecksums: undefined }), []],
    ['an address less', inner({ addresses: ['10.0.0.1/32'] }), ['eth0 lacks the address 2001:db8::1']],
    ['one more', inner({ addresses: [...INNER.addresses, '10.9.9.9/32'] }), ['eth0 has the address 10.9.9.9/32']],
    ['the same with another mask', inner({ addresses: ['10.0.0.1/24', '2001:db8::1/128'] }), [
      'eth0 lacks the address 10.0.0.1',
      'eth0 has the address 10.0.0.1/24',
    ]],
    ['no route', { routes: [DEFAULT_6] }, ['there is no default route of IPv4']],
    ['another route', { routes: [DEFAULT_4, DEFAULT_6, { ...DEFAULT_4, to: '10.1.0.0/16' }] }, ['there is a route to 10.1.0.0/16']],
    ['no neighbour', { neighbours: new Map([['fe80::1', SPEC.hostMac]]) }, ['there is no neighbour 169.254.0.1']],
    ['lo down', { loopbackUp: false }, ['lo is down']],
    ['a down end', inner({ up: false }), ['eth0 is down']],
    ['other ports', { innerSettings: new Map([...RIGHT.innerSettings, ['net/ipv4/ip_local_port_range', '1024\t2000']]) }, [
      'net/ipv4/ip_local_port_range is 1024 2000',
    ]],
    ['a host that speaks', { hostSettings: new Map([...RIGHT.hostSettings].map(([key]) => [key, '0'])) }, [
      `net/ipv6/conf/${SPEC.hostDevice}/disable_ipv6 is 0`,
    ]],
  ])('finds %s', (_, facts, wrong) => {
    expect(plan(facts).map((mend) => mend.wrong)).toEqual(wrong)
  })

  it('does again what mending a device undoes, and says what was wrong alone', () => {
    const mends = plan(inner({ up: false }))
    expect(mends).toHaveLength(1)
    const steps = mends.flatMap((mend) => mend.steps).map(text)
    expect(steps[0]).toBe('inside: ip link set dev eth0 up')
    expect(steps).toContain('inside: ethtool -K eth0 gro on')
    expect(steps.at(-1)).toBe('inside: ip -6 route replace default via fe80::1 dev eth0 onlink')
  })

  it('adds addresses before it takes others away, since a family without one loses its routes', () => {
    const steps = plan(inner({ addresses: ['10.0.0.9/32', '2001:db8::1/128'] })).flatMap((mend) => mend.steps).map(text)
    expect(steps).toEqual([
      'inside: ip address replace 10.0.0.1/32 dev eth0',
      'inside: ip address delete 10.0.0.9/32 dev eth0',
    ])
  })

  it('removes what is left of a pair before it makes another', () => {
    const steps = plan(inner({ peer: 8 })).flatMap((mend) => mend.steps).map(text)
    expect(steps.slice(0, 3)).toEqual([
      `host: ip link delete ${SPEC.hostDevice}`,
      'inside: ip link delete eth0',
      `host: ip link add name ${SPEC.hostDevice} address ${SPEC.hostMac} mtu 1500 type veth` +
        ` peer name eth0 address ${MAC} mtu 1500 netns veer-probe-main`,
    ])
  })

  it('takes a gateway that is no address of ours', () => {
    const spec = { ...SPEC, addresses: ['169.254.0.1'] }
    const steps = planMends(spec, { ...RIGHT, namespace: 'missing' }, SETTINGS).flatMap((mend) => mend.steps).map(text)
    expect(steps).toContain('inside: ip -4 route replace default via 169.254.0.2 dev eth0 onlink')
    expect(steps.filter((step) => step.includes('-6'))).toEqual([])
  })
})

describe('names', () => {
  it('fit for an instance of any name', () => {
    const { name, hostDevice, hostMac } = probeNames('x'.repeat(63))
    expect(name).toBe(`veer-probe-${'x'.repeat(63)}`)
    expect(hostDevice).toMatch(/^veer-[0-9a-f]{8}$/)
    expect(hostMac).toMatch(/^02(:[0-9a-f]{2}){5}$/)
  })
})

describe('what ip prints', () => {
  it('is devices, routes and neighbours, without what the kernel makes by itself', () => {
    const device = { ifindex: 2, link_index: 7, ifname: 'eth0', flags: ['NOARP', 'UP'], mtu: 1500, address: MAC }
    const lines = [
      [{ ...device, addr_info: [{ local: '2001:DB8::1', prefixlen: 128 }, {}] }],
      [
        { type: 'unicast', dst: 'default', gateway: 'fe80::1', dev: 'eth0', table: 'main', protocol: 'boot' },
        { type: 'unicast', dst: '2001:db8::1', dev: 'eth0', table: 'main', protocol: 'kernel' },
        { type: 'local', dst: '10.0.0.1', dev: 'eth0', table: 'local', protocol: 'kernel' },
      ],
      [
        { dst: 'fe80::1', dev: 'eth0', lladdr: SPEC.hostMac, state: ['PERMANENT'] },
        { dst: 'fe80::2', dev: 'eth0', lladdr: SPEC.hostMac, state: ['STALE'] },
      ],
    ]
    const { devices, routes, neighbours } = sortAnswers(parseAnswers(lines.map((line) => JSON.stringify(line)).join('\n')))
    expect(devices.get('eth0')).toEqual({
      ifindex: 2, peer: 7, mac: MAC, mtu: 1500, up: true, arp: false, addresses: ['2001:db8::1/128'],
    })
    expect(routes).toEqual([DEFAULT_6])
    expect(neighbours).toEqual(new Map([['fe80::1', SPEC.hostMac]]))
  })
})
