import { describe, expect, it } from 'vitest'
import type { Finding } from '../../../src/control/doctor.js'
import {
  addressFinding,
  capabilityFinding,
  forwardingFindings,
  kernelFinding,
  linkFinding,
  offloadFindings,
  realFindings,
  routeFindings,
  xdpFinding,
} from '../../../src/control/doctor.js'
import { interfaceFacts } from '../../support/interface-facts.js'
import { configOf, PlainMaps, targetOf } from './support.js'

const ALL_CAPABILITIES = 0x1ff_ffff_ffffn
const CAP_NET_ADMIN = 1n << 12n

/** Of a file with two services on the same two reals, of which the MACs are known. */
function liveReals(...known: string[]): Finding[] {
  const reals = ['10.0.0.11', '10.0.0.12']
  const config = configOf([{ reals }, { name: 'other', port: 81, reals }])
  const macOf = (address: string): string | undefined => (known.includes(address) ? '02:00:00:00:00:11' : undefined)
  const maps = new PlainMaps()
  maps.apply(maps.reconcile(targetOf(config, { macOf })))
  return realFindings(maps.live())
}

const FINDINGS: [what: string, finding: Finding, status: Finding['status'], fix: string | null][] = [
  ['the oldest kernel', kernelFinding('6.1.0-28-amd64'), 'ok', null],
  ['a newer major version', kernelFinding('10.0.1'), 'ok', null],
  ['an older minor version', kernelFinding('6.0.12'), 'failure', 'boot a newer kernel'],
  ['an older major version', kernelFinding('5.15.0-100-generic'), 'failure', 'boot a newer kernel'],
  ['all capabilities', capabilityFinding(ALL_CAPABILITIES), 'ok', null],
  ['one capability less', capabilityFinding(ALL_CAPABILITIES & ~CAP_NET_ADMIN), 'failure', 'run as root'],
  ['a link that is up', linkFinding(interfaceFacts()), 'ok', null],
  ['a link that is down', linkFinding(interfaceFacts({ up: false, carrier: false })), 'failure', 'ip link set eth0 up'],
  ['no carrier', linkFinding(interfaceFacts({ carrier: false })), 'failure', 'connect the cable, or the other end of the pair'],
  ['an address', addressFinding(interfaceFacts()), 'ok', null],
  ['no MAC', addressFinding(interfaceFacts({ mac: undefined })), 'failure', 'attach to an Ethernet interface'],
  ['no address', addressFinding(interfaceFacts({ addresses: [] })), 'failure', 'ip address add ADDRESS/PREFIX dev eth0'],
  ['no XDP', xdpFinding('eth0', { programId: 0, mode: 'none' }), 'ok', null],
  ['native XDP', xdpFinding('eth0', { programId: 7, mode: 'native' }), 'ok', null],
  ['generic XDP', xdpFinding('eth0', { programId: 7, mode: 'generic' }), 'warning', 'use a driver with native XDP, or accept it'],
]

const OFF = { interfaceName: 'eth0', family: 4, fix: 'sysctl -w net.ipv4.ip_forward=1' } as const

describe('the doctor of nat', () => {
  it('wants forwarding of the families that there are', () => {
    expect(forwardingFindings([4, 6], [OFF])).toMatchObject([
      { subject: 'eth0', status: 'failure', fix: OFF.fix },
      { subject: 'IPv6 forwarding', status: 'ok' },
    ])
    expect(forwardingFindings([], [])).toEqual([])
  })

  it('wants a route to each real by an attached interface', () => {
    const route = (device: string, local = false) => ({ device, local, gateway: undefined })
    const routes = new Map([
      ['10.0.0.1', route('eth0')],
      ['10.0.0.2', route('eth7')],
      ['10.0.0.3', route('lo', true)],
    ])
    const reals = ['10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.0.4']
    expect(routeFindings(reals, routes, ['eth0']).map(({ subject, message }) => `${subject} ${message}`)).toEqual([
      '10.0.0.2 its route goes by eth7, which is not attached',
      '10.0.0.4 the host has no route to it',
    ])
  })
})

describe('the doctor', () => {
  it.each(FINDINGS)('%s', (_what, finding, status, fix) => {
    expect(finding).toMatchObject({ status, fix })
  })

  it('names the capability that is missing', () => {
    expect(capabilityFinding(ALL_CAPABILITIES & ~CAP_NET_ADMIN).message).toBe('CAP_NET_ADMIN missing')
  })

  it('warns of offloads that are on and can be switched off', () => {
    const findings = offloadFindings('eth0', {
      'large-receive-offload': { active: true, fixed: false },
      'rx-vlan-offload': { active: true, fixed: true },
      'tx-checksumming': { active: true, fixed: false },
    })
    expect(findings.map(({ status, fix }) => ({ status, fix }))).toEqual([{ status: 'warning', fix: 'ethtool -K eth0 lro off' }])
    expect(offloadFindings('eth0', { 'large-receive-offload': { active: false, fixed: false } })).toEqual([])
    expect(offloadFindings('eth0', {})).toEqual([])
  })

  it('names each real without MAC once, with what makes it tell', () => {
    expect(liveReals('10.0.0.12').map(({ subject, status, fix }) => ({ subject, status, fix }))).toEqual([
      { subject: '10.0.0.11', status: 'failure', fix: 'ping 10.0.0.11' },
    ])
    expect(liveReals('10.0.0.11', '10.0.0.12')).toMatchObject([{ subject: 'reals', status: 'ok' }])
  })
})
