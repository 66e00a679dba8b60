import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Config } from '../../src/config/schema.js'
import type { TcHook } from '../../src/dataplane/hooks.js'
import { filterPlace, linkPinName, TC_DIRECTIONS } from '../../src/dataplane/hooks.js'
import { attachClsact, clsactProgram } from '../../src/loader/clsact.js'
import { Collection } from '../../src/loader/collection.js'
import { loaderMaps, parseTestObject } from '../loader/objects.js'
import { AttachedDirector, summary } from './attached.js'

const WEB = { name: 'web', reals: ['10.0.0.11'] }
const NAT = { ...WEB, forward: 'nat' }

let lab: AttachedDirector
let dr: Config
let nat: Config

const open = (mechanism: 'tcx' | 'clsact'): void => {
  lab = new AttachedDirector(mechanism)
  dr = lab.config([WEB])
  nat = lab.config([NAT])
}
const hooks = (name: string): TcHook[] => TC_DIRECTIONS.map((kind) => ({ ifindex: lab.ifindex(name), kind }))
const runningAt = (name: string): number[] => hooks(name).map((hook) => lab.programAt(hook))
const ours = (): number[] => {
  using instance = lab.instance()
  return TC_DIRECTIONS.map((kind) => instance.programs[kind].id)
}

afterEach(() => lab.remove())

describe.each(['tcx', 'clsact'] as const)('replies by %s', (mechanism) => {
  beforeEach(() => open(mechanism))

  const noted = (name: string): string[] => {
    const ifindex = lab.ifindex(name)
    return mechanism === 'tcx'
      ? [`tcx_egress_${ifindex}`, `tcx_ingress_${ifindex}`]
      : [`egress_${ifindex}`, `ingress_${ifindex}`, `qdisc_${ifindex}`]
  }

  it('are attached with a service of nat, and leave nothing at detach', async () => {
    expect(summary(await lab.director.attach(nat))).toContain('add interfaces.va.reply')
    expect(lab.attachments.filter((name) => !name.startsWith('xdp'))).toEqual(noted('va'))
    expect(runningAt('va')).toEqual(ours())
    expect(await lab.planned(nat)).toEqual([])
    await lab.director.detach()
    expect(runningAt('va')).toEqual([0, 0])
    expect(lab.tc('qdisc', 'show', 'dev', 'va')).not.toContain('clsact')
  })

  it('are not attached without one, nor where the interface says no', async () => {
    await lab.director.attach(dr)
    expect(runningAt('va')).toEqual([0, 0])
    const elsewhere = lab.config([NAT], [{ name: 'va', reply: false }, 'vb'])
    expect(await lab.planned(elsewhere)).toEqual(expect.arrayContaining(['add interfaces.vb', 'add interfaces.vb.reply']))
    await lab.director.apply(elsewhere)
    expect([runningAt('va'), runningAt('vb')]).toEqual([[0, 0], ours()])
    expect(await lab.planned(elsewhere)).toEqual([])
  })

  it('come with the first service of nat and go with the last', async () => {
    await lab.director.attach(dr)
    expect(summary(await lab.director.apply(nat))).toContain('add interfaces.va.reply')
    expect(runningAt('va')).toEqual(ours())
    expect(summary(await lab.director.apply(dr))).toContain('remove interfaces.va.reply')
    expect([runningAt('va'), lab.attachments.length]).toEqual([[0, 0], 1])
    expect(await lab.planned(dr)).toEqual([])
  })

  it('go with their interface', async () => {
    const both = lab.config([NAT], ['va', 'vb'])
    await lab.director.attach(both)
    expect(await lab.planned(nat)).toEqual(['remove interfaces.vb'])
    await lab.director.apply(nat)
    expect([runningAt('va'), runningAt('vb')]).toEqual([ours(), [0, 0]])
  })

  it('are detached although the interface has gone', async () => {
    await lab.director.attach(lab.config([NAT], ['va', 'vb']))
    lab.ip('link', 'delete', 'vb')
    await lab.director.detach()
    expect(lab.attachments).toEqual([])
  })

  it('are replaced in place by those of another version', async () => {
    await lab.director.attach(nat)
    const before = ours()
    expect(await lab.director.upgrade()).toBe(false)
    using instance = lab.instance()
    instance.maps.meta.set(0, { ...instance.maps.meta.get(0)!, objectDigest: '0'.repeat(64) })
    expect(await lab.director.upgrade()).toBe(true)
    expect(ours()).not.toEqual(before)
    expect(runningAt('va')).toEqual(ours())
    expect(await lab.planned(nat)).toEqual([])
    expect(await lab.director.upgrade()).toBe(false)
  })

  it('are attached again when somebody removed one', async () => {
    await lab.director.attach(nat)
    const [, egress] = hooks('va')
    if (mechanism === 'clsact') lab.tc('filter', 'delete', 'dev', 'va', 'egress')
    else {
      using link = lab.pins.openLink(linkPinName(egress!))
      link.detach()
    }
    expect(runningAt('va')[1]).toBe(0)
    expect((await lab.director.plan(nat)).changes).toEqual([
      { action: 'change', object: 'interfaces.va.reply', before: 'ingress', after: 'ingress and egress' },
    ])
    await lab.director.apply(nat)
    expect(runningAt('va')).toEqual(ours())
    expect(await lab.planned(nat)).toEqual([])
  })

  it('take the place of a program that somebody put there', async () => {
    await lab.director.attach(nat)
    using other = await Collection.load(parseTestObject('loader_maps'), loaderMaps)
    const [ingress] = hooks('va')
    if (mechanism === 'clsact') lab.network.enter(() => attachClsact(other.programs.constants, filterPlace(ingress!)))
    else {
      using link = lab.pins.openLink(linkPinName(ingress!))
      link.update(other.programs.constants)
    }
    expect(runningAt('va')[0]).toBe(other.programs.constants.id)
    expect(await lab.planned(nat)).toEqual(['change interfaces.va.reply'])
    await lab.director.apply(nat)
    expect(runningAt('va')).toEqual(ours())
  })
})

describe('the filters of clsact', () => {
  beforeEach(() => open('clsact'))

  it('leave a qdisc that was there, and one that others use', async () => {
    using other = await Collection.load(parseTestObject('loader_maps'), loaderMaps)
    lab.tc('qdisc', 'add', 'dev', 'va', 'clsact')
    await lab.director.attach(lab.config([NAT], ['va', 'vb']))
    const place = { ifindex: lab.ifindex('vb'), direction: 'egress', handle: 5, priority: 9 } as const
    lab.network.enter(() => attachClsact(other.programs.constants, place))
    await lab.director.detach()
    for (const name of ['va', 'vb']) expect(lab.tc('qdisc', 'show', 'dev', name)).toContain('clsact')
    expect([runningAt('va'), runningAt('vb')]).toEqual([[0, 0], [0, 0]])
    expect(lab.network.enter(() => clsactProgram(place))).toBe(other.programs.constants.id)
  })

  it('leave a filter of somebody else in their place', async () => {
    using other = await Collection.load(parseTestObject('loader_maps'), loaderMaps)
    await lab.director.attach(nat)
    lab.network.enter(() => attachClsact(other.programs.constants, filterPlace(hooks('va')[0]!)))
    await lab.director.detach()
    expect(runningAt('va')).toEqual([other.programs.constants.id, 0])
  })

  it('come back after somebody removed the qdisc, which is then ours', async () => {
    await lab.director.attach(nat)
    lab.tc('qdisc', 'delete', 'dev', 'va', 'clsact')
    expect(await lab.planned(nat)).toEqual(['add interfaces.va.reply'])
    await lab.director.apply(nat)
    expect(runningAt('va')).toEqual(ours())
    await lab.director.detach()
    expect(lab.tc('qdisc', 'show', 'dev', 'va')).not.toContain('clsact')
  })

  it('are all undone when one of them cannot be made', async () => {
    lab.tc('qdisc', 'add', 'dev', 'vb', 'ingress')
    const attach = lab.director.attach(lab.config([NAT], ['va', 'vb']))
    await expect(attach).rejects.toMatchObject({
      code: 'LB_ERR_INTERFACE_BUSY',
      message: 'vb has the qdisc ingress, which has no place for replies that go out',
    })
    expect([runningAt('va'), runningAt('vb')]).toEqual([[0, 0], [0, 0]])
    expect(lab.tc('qdisc', 'show', 'dev', 'va')).not.toContain('clsact')
    expect(lab.programAt({ ifindex: lab.ifindex('va'), kind: 'xdp' })).toBe(0)
    expect(lab.director.attached).toBe(false)
  })
})

describe('an upgrade', () => {
  it('passes over a link that somebody detached, and keeps the sweeper going', async () => {
    open('tcx')
    await lab.director.attach(nat)
    using instance = lab.instance()
    using link = lab.pins.openLink(linkPinName(hooks('va')[0]!))
    link.detach()
    instance.maps.meta.set(0, { ...instance.maps.meta.get(0)!, objectDigest: '0'.repeat(64) })
    expect(await lab.director.upgrade()).toBe(true)
    expect(await lab.planned(nat)).toEqual(['change interfaces.va.reply'])
    const before = instance.maps.sweeper.get(0)!.passes
    await expect.poll(() => instance.maps.sweeper.get(0)!.passes, { timeout: 20_000 }).toBeGreaterThan(before)
  })
})

describe('XDP', () => {
  beforeEach(() => open('tcx'))
  const hook = () => ({ ifindex: lab.ifindex('va'), kind: 'xdp' }) as const

  it('is attached again when somebody detached it', async () => {
    await lab.director.attach(dr)
    using link = lab.pins.openLink(linkPinName(hook()))
    link.detach()
    expect(await lab.planned(dr)).toEqual(['add interfaces.va.xdp'])
    await lab.director.apply(dr)
    expect(lab.programAt(hook())).not.toBe(0)
    expect(await lab.planned(dr)).toEqual([])
  })

  it('takes the place of a program that somebody put there', async () => {
    await lab.director.attach(dr)
    using other = await Collection.load(parseTestObject('loader_maps'), loaderMaps)
    using link = lab.pins.openLink(linkPinName(hook()))
    link.update(other.programs.note)
    expect(await lab.planned(dr)).toEqual(['change interfaces.va.xdp'])
    await lab.director.apply(dr)
    using instance = lab.instance()
    expect(lab.programAt(hook())).toBe(instance.programs.xdp.id)
  })
})
