import { describe, expect, it } from 'vitest'
import type { Config } from '../../src/config/schema.js'
import { changesOf } from '../../src/control/changes.js'
import { destinationKey } from '../../src/control/destination-key.js'
import type { LiveService } from '../../src/dataplane/live-state.js'
import { DestFlag } from '../../src/maps/generated.js'
import type { ServiceFields } from '../unit/control/support.js'
import { configOf, macOf } from '../unit/control/support.js'
import { NO_RING, readRing, ringSlots } from '../../src/dataplane/ring-store.js'
import { request } from '../packet/world.js'
import type { Delivery } from './kernel.js'
import { Kernel } from './kernel.js'

const MANY_APPLIES_MS = 120_000

const CHECK = { kind: 'tcp' }
const WEB: ServiceFields = { name: 'web', health: CHECK, reals: ['10.0.0.11', '10.0.0.12', '10.0.0.13'] }
const UDP: ServiceFields = { ...WEB, name: 'udp', protocol: 'udp', health: { kind: 'udp' } }

const key = (last: number, service = 'web'): string => destinationKey(service, `10.0.0.${last}`, 80)

function serviceOf(kernel: Kernel, name = 'web'): LiveService {
  const found = kernel.live().services.find(({ value }) => value.name === name)
  if (found === undefined) throw new Error(`no service ${name}`)
  return found
}

/** `11 up 1, 12 down 0`: health and weight in force of each destination. */
function stateOf(kernel: Kernel, name?: string): string {
  return serviceOf(kernel, name)
    .destinations.map(({ address, value: { flags, effectiveWeight } }) => {
      const health = (flags & DestFlag.up) !== 0 ? 'up' : (flags & DestFlag.down) !== 0 ? 'down' : '?'
      return { text: `${address.split('.').at(-1) ?? ''} ${health} ${effectiveWeight}`, address }
    })
    .sort((a, b) => a.address.localeCompare(b.address))
    .map(({ text }) => text)
    .join(', ')
}

const isDone = (kernel: Kernel, config: Config): boolean => changesOf(kernel.plan(config)).length === 0

/** The ring of a service: how many slots each real has. */
function slotsOf(kernel: Kernel, name = 'web'): Record<string, number> {
  const { destinations, value, ringId = NO_RING } = serviceOf(kernel, name)
  const addressOf = new Map(destinations.map(({ id, address }) => [id, address]))
  const found: Record<string, number> = {}
  const packed = value.ringSize === 0 ? undefined : readRing(kernel.maps, ringId)
  for (const id of packed === undefined ? [] : ringSlots(packed, value.ringSize)) {
    const address = addressOf.get(id) ?? 'nobody'
    found[address] = (found[address] ?? 0) + 1
  }
  return found
}

const syn = (kernel: Kernel, sport: number): Delivery => kernel.send(request(4, 'tcp', { sport }))
const ack = (kernel: Kernel, sport: number): Delivery => kernel.send(request(4, 'tcp', { sport, flags: ['ack'] }))

describe('a change of health', { timeout: MANY_APPLIES_MS }, () => {
  it('takes slots from a real that is down and gives them back, and no plan tells of it', async () => {
    const config = configOf([WEB, UDP])
    const kernel = await Kernel.open(config)
    const udp = serviceOf(kernel, 'udp')
    const { changes } = await kernel.mark(config, { [key(12)]: 'down', [key(13)]: 'up' })
    expect(changes.map(({ object, before, after }) => [object, before, after])).toEqual([
      ['services.web.reals.10.0.0.12.health', 'unknown', 'down'],
      ['services.web.reals.10.0.0.12.effectiveWeight', 1, 0],
      ['services.web.reals.10.0.0.13.health', 'unknown', 'up'],
    ])
    expect(stateOf(kernel)).toBe('11 ? 1, 12 down 0, 13 up 1')
    expect(slotsOf(kernel)).toEqual({ '10.0.0.11': 1, '10.0.0.13': 1 })
    expect(isDone(kernel, config)).toBe(true)
    // Of the other service nothing is written but its key of the other era.
    expect({ ...serviceOf(kernel, 'udp'), key: udp.key }).toEqual(udp)
    expect(kernel.live().staleKeys).toEqual([])
    await kernel.mark(config, { [key(12)]: 'up' })
    expect(slotsOf(kernel)).toEqual({ '10.0.0.11': 1, '10.0.0.12': 1, '10.0.0.13': 1 })
    expect(kernel.live().ringIndices.size).toBe(2)
  })

  it('is kept by an apply, and forgotten with the check', async () => {
    const config = configOf([WEB])
    const kernel = await Kernel.open(config)
    await kernel.mark(config, { [key(12)]: 'down', [key(11)]: 'up' })
    kernel.become(configOf([{ ...WEB, reals: ['10.0.0.11', ['10.0.0.12', 7], '10.0.0.14'] }]))
    expect(stateOf(kernel)).toBe('11 up 1, 12 down 0, 14 ? 1')
    const unchecked = configOf([{ ...WEB, health: { kind: 'none' } }])
    expect(changesOf(kernel.plan(unchecked)).map(({ object }) => object)).toContain('services.web.reals.10.0.0.12.health')
    kernel.become(unchecked)
    expect(stateOf(kernel)).toBe('11 ? 1, 12 ? 1, 13 ? 1')
    expect(isDone(kernel, unchecked)).toBe(true)
  })

  it('is forgotten when the service moves: nobody has checked it there', async () => {
    const config = configOf([WEB])
    const kernel = await Kernel.open(config)
    await kernel.mark(config, { [key(12)]: 'down' })
    kernel.become(configOf([{ ...WEB, port: 8080 }]))
    expect(stateOf(kernel)).toBe('11 ? 1, 12 ? 1, 13 ? 1')
  })

  it('leaves known flows of a real that is down alone, and gives it no new one', async () => {
    const config = configOf([WEB])
    const kernel = await Kernel.open(config)
    const first = [1, 2, 3].map((client) => syn(kernel, client).to)
    expect(new Set(first).size).toBe(3)
    await kernel.mark(config, { [key(12)]: 'down' })
    expect([1, 2, 3].map((client) => ack(kernel, client).to)).toEqual(first)
    const later = [4, 5, 6, 7, 8, 9].map((client) => syn(kernel, client).to)
    expect(later).not.toContain(macOf('10.0.0.12'))
  })

  it('resets the flows of a real that goes down when it is told to, once', async () => {
    const config = configOf([{ ...WEB, onDown: 'reset' }])
    const kernel = await Kernel.open(config)
    const victim = [1, 2, 3].find((client) => syn(kernel, client).to === macOf('10.0.0.12')) ?? 0
    const idOf = (): number | undefined => serviceOf(kernel).destinations.find(({ address }) => address === '10.0.0.12')?.id
    const before = idOf()
    await kernel.mark(config, { [key(12)]: 'down' })
    const after = idOf()
    expect(after).not.toBe(before)
    expect(ack(kernel, victim).verdict).toBe('reply_reset')
    await kernel.mark(config, { [key(12)]: 'down' })
    expect(idOf()).toBe(after)
    await kernel.mark(config, { [key(12)]: 'up' })
    expect([idOf(), stateOf(kernel)]).toEqual([after, '11 ? 1, 12 up 1, 13 ? 1'])
    expect(isDone(kernel, config)).toBe(true)
    expect(kernel.live().orphans).toEqual([])
  })

  it('follows the new id of a sibling in a persistence group', async () => {
    const group = { persistence: { timeout: 60, group: 'shop' }, onDown: 'reset' }
    const config = configOf([{ ...WEB, ...group }, { ...WEB, ...group, name: 'tls', port: 443 }])
    const kernel = await Kernel.open(config)
    await kernel.mark(config, { [key(12)]: 'down' })
    expect(isDone(kernel, config)).toBe(true)
    const ids = ['web', 'tls'].map((name) => {
      return serviceOf(kernel, name).destinations.find(({ address }) => address === '10.0.0.12')
    })
    expect(ids.map((each) => each?.value.sibling)).toEqual([1 + (ids[1]?.id ?? -1), 1 + (ids[0]?.id ?? -1)])
  })

  it.each([
    ['of a weight', 1, true],
    ['that is drained, whose clients stay with it', 0, false],
  ])('sends clients of a real %s elsewhere by their next conn', async (_, weight, expireQuiescent) => {
    const reals = ['10.0.0.11', '10.0.0.12']
    const sticky = { ...WEB, persistence: { timeout: 60, expireQuiescent } }
    const usual = configOf([{ ...sticky, reals }])
    const kernel = await Kernel.open(usual)
    const home = syn(kernel, 1).to
    const last = home === macOf('10.0.0.11') ? 11 : 12
    const config = configOf([{ ...sticky, reals: [[`10.0.0.${last}`, weight], `10.0.0.${23 - last}`] }])
    kernel.become(config)
    expect([syn(kernel, 2).to, syn(kernel, 3).to]).toEqual([home, home])
    await kernel.mark(config, { [key(last)]: 'down' })
    const elsewhere = macOf(`10.0.0.${23 - last}`)
    expect([syn(kernel, 4).to, syn(kernel, 5).to]).toEqual([elsewhere, elsewhere])
    expect(ack(kernel, 1)).toEqual({ verdict: 'forward_known', to: home })
    await kernel.mark(config, { [key(last)]: 'up' })
    expect(syn(kernel, 6).to).toBe(elsewhere)
  })

  it('of all reals is followed by nothing, or by all of them', async () => {
    const all = { [key(11)]: 'down', [key(12)]: 'down', [key(13)]: 'down' } as const
    for (const [allDown, state] of [
      ['reject', '11 down 0, 12 down 0, 13 down 0'],
      ['serve-all', '11 down 1, 12 down 1, 13 down 1'],
    ] as const) {
      const config = configOf([{ ...WEB, allDown }])
      const kernel = await Kernel.open(config)
      await kernel.mark(config, all)
      expect(stateOf(kernel)).toBe(state)
      expect(kernel.live().vips[0]?.value.up).toBe(allDown === 'reject' ? 0 : 1)
      expect(isDone(kernel, config)).toBe(true)
      await kernel.mark(config, { [key(13)]: 'up' })
      expect([stateOf(kernel), kernel.live().vips[0]?.value.up]).toEqual(['11 down 0, 12 down 0, 13 up 1', 1])
    }
  })

  it('loses quorum and finds it again, with the sorry server in between', async () => {
    const config = configOf([{ ...WEB, quorum: 2, hysteresis: 1, sorryServer: '10.0.0.99' }])
    const kernel = await Kernel.open(config)
    expect(stateOf(kernel)).toBe('11 ? 1, 12 ? 1, 13 ? 1, 99 ? 0')
    await kernel.mark(config, { [key(11)]: 'down', [key(12)]: 'down' })
    expect(stateOf(kernel)).toBe('11 down 0, 12 down 0, 13 ? 1, 99 ? 0')
    expect(isDone(kernel, config)).toBe(true)
    const { changes } = await kernel.mark(config, { [key(13)]: 'down' })
    expect(changes).toContainEqual({ action: 'change', object: 'services.web.quorum', before: 'there', after: 'lost' })
    expect(slotsOf(kernel)).toEqual({ '10.0.0.99': 1 })
    expect([isDone(kernel, config), kernel.live().vips[0]?.value.up]).toEqual([true, 1])
    await kernel.mark(config, { [key(11)]: 'up', [key(12)]: 'up' })
    expect(slotsOf(kernel)).toEqual({ '10.0.0.99': 1 })
    await kernel.mark(config, { [key(13)]: 'up' })
    expect(stateOf(kernel)).toBe('11 up 1, 12 up 1, 13 up 1, 99 ? 0')
  })

  it('keeps the sorry server until quorum is found when an edit gives it another address', async () => {
    const fields = { ...WEB, quorum: 2, hysteresis: 1 }
    const config = configOf([{ ...fields, sorryServer: '10.0.0.99' }])
    const kernel = await Kernel.open(config)
    await kernel.mark(config, { [key(11)]: 'down', [key(12)]: 'down', [key(13)]: 'down' })
    await kernel.mark(config, { [key(11)]: 'up', [key(12)]: 'up' })
    const moved = configOf([{ ...fields, sorryServer: '10.0.0.98' }])
    kernel.become(moved)
    expect(stateOf(kernel)).toBe('11 up 0, 12 up 0, 13 down 0, 98 ? 1')
    expect(isDone(kernel, moved)).toBe(true)
  })

  it('tells of quorum once when it is lost and once when it is there, without a sorry server', async () => {
    const config = configOf([{ ...WEB, quorum: 2 }])
    const kernel = await Kernel.open(config)
    const told: unknown[] = []
    for (const [last, state] of [[11, 'down'], [12, 'down'], [13, 'down'], [11, 'up'], [12, 'up'], [13, 'up']] as const) {
      const { changes } = await kernel.mark(config, { [key(last)]: state })
      told.push(changes.find(({ object }) => object === 'services.web.quorum')?.after)
    }
    expect(told).toEqual([undefined, 'lost', undefined, undefined, 'there', undefined])
  })

  it('of a real in many services is several applies, those first in which one goes down', async () => {
    const scheduler = { name: 'mh', tableSize: 131_071 } as unknown as string
    const names = Array.from({ length: 18 }, (_, index) => `web${index}`)
    const config = configOf(names.map((name, index) => ({ ...WEB, name, port: 100 + index, scheduler })))
    const kernel = await Kernel.open(config)
    const keyIn = (name: string): string => destinationKey(name, '10.0.0.12', 100 + names.indexOf(name))
    const down = names.filter((_, index) => index % 3 === 0)
    const { changes } = await kernel.mark(config, {
      ...Object.fromEntries(names.map((name) => [keyIn(name), 'up'])),
      ...Object.fromEntries(down.map((name) => [keyIn(name), 'down'])),
    })
    const told = changes.filter(({ object }) => object.endsWith('.health'))
    expect(told.map(({ after }) => after)).toEqual([...down.map(() => 'down'), ...names.slice(down.length).map(() => 'up')])
    for (const name of names) {
      expect(stateOf(kernel, name)).toBe(down.includes(name) ? '11 ? 1, 12 down 0, 13 ? 1' : '11 ? 1, 12 up 1, 13 ? 1')
    }
    await kernel.mark(config, Object.fromEntries(names.map((name) => [keyIn(name), 'down'])))
    expect(names.map((name) => slotsOf(kernel, name)['10.0.0.12'])).toEqual(names.map(() => undefined))
    expect([isDone(kernel, config), kernel.live().ringIndices.size]).toEqual([true, 18])
  })

  it('up lets a weight grow by steps, over an apply, up to what is configured', async () => {
    const config = configOf([{ ...WEB, scheduler: 'wrr', slowStart: '10s' }])
    const kernel = await Kernel.open(config)
    await kernel.mark(config, { [key(11)]: 'up', [key(12)]: 'down', [key(13)]: 'up' })
    expect((await kernel.mark(config, { [key(12)]: 'up' })).starting).toEqual(['web'])
    const shares: number[] = []
    for (let step = 1; step < 10; step++) {
      const { '10.0.0.11': whole = 0, '10.0.0.12': part = 0, '10.0.0.13': other } = slotsOf(kernel)
      expect(other).toBe(whole)
      shares.push((10 * part) / whole)
      kernel.become(config)
      expect(isDone(kernel, config)).toBe(true)
      expect((await kernel.advance(config)).starting).toEqual(step < 9 ? ['web'] : [])
    }
    expect(shares).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9])
    expect(stateOf(kernel)).toBe('11 up 1, 12 up 1, 13 up 1')
    expect(await kernel.advance(config)).toEqual({ changes: [], starting: [] })
  })

  it('concerns nobody when the key means nothing', async () => {
    const config = configOf([WEB])
    const kernel = await Kernel.open(config)
    const before = kernel.live()
    const nobody = { [key(77)]: 'down', 'other 10.0.0.11:80': 'down' } as const
    expect(await kernel.mark(config, nobody)).toEqual({ changes: [], starting: [] })
    const after = kernel.live()
    expect([after.settings, after.services]).toEqual([before.settings, before.services])
  })
})

describe('sources of gateway pings', { timeout: MANY_APPLIES_MS }, () => {
  it('are written, counted, told and taken away', async () => {
    const sources = ['192.0.2.0/24', '198.51.100.7/32', '2001:db8::/32', '::/0', '0.0.0.0/0']
    const config = configOf([WEB], { ping: { sources } })
    const kernel = await Kernel.open(configOf([WEB]))
    expect(changesOf(kernel.plan(config)).map(({ action, object }) => `${action} ${object}`)).toEqual(
      sources.map((network) => `add ping.sources.${network}`),
    )
    kernel.become(config)
    expect([...kernel.live().pingSources].sort()).toEqual([...sources].sort())
    expect([kernel.live().settings.pingSources, isDone(kernel, config)]).toEqual([5, true])
    const fewer = configOf([WEB], { ping: { sources: ['192.0.2.0/24'] } })
    kernel.become(fewer)
    expect([...kernel.live().pingSources]).toEqual(['192.0.2.0/24'])
    expect(isDone(kernel, fewer)).toBe(true)
  })
})
