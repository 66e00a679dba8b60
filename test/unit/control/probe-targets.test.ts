import { describe, expect, it } from 'vitest'
import { probedReals, probeTargets } from '../../../src/control/probe-targets.js'
import type { SourceFacts } from '../../../src/control/probe-sources.js'
import type { LiveState } from '../../../src/dataplane/live-state.js'
import { DestFlag } from '../../../src/maps/generated.js'
import { interfaceFacts } from '../../support/interface-facts.js'
import type { ServiceFields } from './support.js'
import { configOf, ETH, PlainMaps, targetOf } from './support.js'

const FACTS: SourceFacts = {
  attached: [interfaceFacts(ETH)],
  vips: new Set(),
}

const CHECKED = { health: { kind: 'tcp' }, reals: ['10.0.0.11'] }

interface Found {
  live: LiveState
  config: ReturnType<typeof configOf>
}

/** Services as the maps have them; the reals of `local` are on the director. */
function found(services: ServiceFields[], local: readonly string[] = []): Found {
  const config = configOf(services)
  const maps = new PlainMaps()
  const linkOf = (address: string) => ({ link: ETH, nextHop: address, local: local.includes(address) })
  maps.apply(maps.reconcile(targetOf(config, { links: [ETH], linkOf })))
  return { live: maps.live(), config }
}

const targetsOf = ({ config, live }: Found) => probeTargets(config, live, FACTS)

describe('the destinations that are checked', () => {
  it('are asked by the VIP in dr, and by their own address and port in nat', () => {
    const nat = { ...CHECKED, name: 'nat', vip: '203.0.113.11', forward: 'nat', reals: [{ address: '10.0.0.12', port: 8080 }] }
    expect(targetsOf(found([CHECKED, nat]))).toMatchObject([
      { service: 'web', vip: '203.0.113.10', address: '10.0.0.11', port: 80, destination: '203.0.113.10', destinationPort: 80, source: '10.0.0.1' },
      { service: 'nat', vip: '203.0.113.11', address: '10.0.0.12', port: 8080, destination: '10.0.0.12', destinationPort: 8080 },
    ])
  })

  it('are asked at the port of the check, if that has one', () => {
    const [target] = targetsOf(found([{ ...CHECKED, health: { kind: 'tcp', port: 9000 } }]))
    expect(target).toMatchObject({ port: 80, destinationPort: 9000 })
  })

  it('are those of services with a check, without the sorry server', () => {
    const services = [{ ...CHECKED, sorryServer: '10.0.0.99' }, { name: 'other', port: 81, reals: ['10.0.0.13'] }]
    expect(targetsOf(found(services)).map(({ address }) => address)).toEqual(['10.0.0.11'])
  })

  it('are, on the director itself, asked by their own address from no address in particular', () => {
    const all = found([CHECKED], ['10.0.0.11'])
    expect(targetsOf(all)).toMatchObject([{ destination: '10.0.0.11', source: undefined }])
    expect(probedReals(all.config, all.live)).toEqual([])
  })

  it('are left out where there is no address to ask from', () => {
    expect(targetsOf(found([{ ...CHECKED, vip: '2001:db8::10', reals: ['2001:db8::11', '2001:db8::12'] }]))).toEqual([])
  })

  it.each([
    ['unknown', 0],
    ['up', DestFlag.up],
    ['down', DestFlag.down],
  ])('start from their state in the maps: %s', (state, flag) => {
    const all = found([CHECKED])
    for (const { value } of all.live.services.flatMap(({ destinations }) => destinations)) value.flags |= flag
    expect(targetsOf(all)).toMatchObject([{ state }])
  })
})
