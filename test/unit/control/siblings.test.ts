import { describe, expect, it } from 'vitest'
import { siblingsOf } from '../../../src/control/siblings.js'
import type { ServiceConfig } from '../../../src/config/schema.js'

const member = (destIds: number[], addresses: string[], group?: string, vip = '10.0.0.1') => ({
  destIds,
  target: {
    config: { vip, persistence: { group }, reals: addresses.map((address) => ({ address })) } as unknown as ServiceConfig,
  },
})

describe('siblingsOf', () => {
  it('links one real of several services of a group in a circle', () => {
    const web = member([0, 1], ['10.0.0.11', '10.0.0.12'], 'web')
    const tls = member([2, 3], ['10.0.0.12', '10.0.0.11'], 'web')
    const api = member([4], ['10.0.0.11'], 'web')
    expect([...siblingsOf([web, tls, api])].sort()).toEqual([
      [0, 1 + 3],
      [1, 1 + 2],
      [2, 1 + 1],
      [3, 1 + 4],
      [4, 1 + 0],
    ])
  })

  it('links nothing across groups or VIPs, and nothing without a group', () => {
    const services = [
      member([0], ['10.0.0.11'], 'web'),
      member([1], ['10.0.0.11'], 'mail'),
      member([2], ['10.0.0.11'], 'web', '10.0.0.2'),
      member([3], ['10.0.0.11']),
      member([4], ['10.0.0.11']),
    ]
    expect(siblingsOf(services)).toEqual(new Map())
  })

  it('takes the first port of a real that a service has twice', () => {
    const web = member([0, 1], ['10.0.0.11', '10.0.0.11'], 'web')
    const tls = member([2], ['10.0.0.11'], 'web')
    expect(siblingsOf([web, tls])).toEqual(
      new Map([
        [0, 1 + 2],
        [2, 1 + 0],
      ]),
    )
  })
})
