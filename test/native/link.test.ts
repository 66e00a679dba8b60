import { rmSync } from 'node:fs'

import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'

import { native, type NativeLink, type NativeObject, type NativeProgram } from '../../src/native.js'
import { TemporaryBpffs, VethNamespace, openTestObject, run, thrownBy } from './support.js'

let object: NativeObject
let netns: VethNamespace
let bpffs: TemporaryBpffs
let ifindex: number
let answer: NativeProgram
let other: NativeProgram
let tc: NativeProgram
const links: NativeLink[] = []

beforeAll(async () => {
  object = openTestObject('addon_xdp')
  await object.load()
  answer = object.program('xdp_answer')
  other = object.program('xdp_other')
  tc = object.program('tc_pass')
  netns = new VethNamespace('link')
  bpffs = new TemporaryBpffs()
  ifindex = netns.ifindex('va')
})
afterEach(() => links.splice(0).forEach((link) => link.close()))
afterAll(() => {
  for (const handle of [answer, other, tc, object]) handle.close()
  bpffs.remove()
  netns.remove()
})

function keep(link: NativeLink): NativeLink {
  links.push(link)
  return link
}
function attachXdp(program = answer, flags = 2): NativeLink {
  return keep(netns.enter(() => native().createXdpLink(program, ifindex, flags)))
}
function attached(): { programId: number; mode: string } {
  return netns.enter(() => native().queryXdp(ifindex))
}

describe('an XDP link', () => {
  it.each([
    [2, 'generic'],
    [4, 'native'],
  ])('with flags %d attaches in mode %s, and closing it detaches', (flags, mode) => {
    const link = attachXdp(answer, flags)
    expect(link.info()).toMatchObject({ type: 6, ifindex, programId: answer.info().id })
    expect(attached()).toEqual({ programId: answer.info().id, mode })
    link.close()
    expect(attached()).toEqual({ programId: 0, mode: 'none' })
  })

  it('replaces the program in place, but not when another is the current one', () => {
    const link = attachXdp()
    expect(thrownBy(() => link.update(other, other)).code).toBe('EPERM')
    expect(link.info().programId).toBe(answer.info().id)
    link.update(other, answer)
    expect(attached().programId).toBe(other.info().id)
    link.update(answer)
    expect(attached().programId).toBe(answer.info().id)
  })

  it('outlives its handle when pinned, until detached through another', () => {
    const pin = bpffs.path('xdp')
    const link = attachXdp()
    link.pin(pin)
    link.close()
    expect(attached().programId).toBe(answer.info().id)
    const again = keep(native().openPinnedLink(pin))
    again.detach()
    expect(attached().programId).toBe(0)
    expect(again.info().ifindex).toBe(0)
    rmSync(pin)
  })

  it('fails naming the interface when another program is attached', () => {
    attachXdp()
    const error = thrownBy(() => netns.enter(() => native().createXdpLink(other, ifindex, 2)))
    expect(error).toMatchObject({ code: 'EBUSY', syscall: 'bpf_link_create', object: 'va' })
  })
})

describe('a TCX link', () => {
  it.each([
    ['ingress', 46],
    ['egress', 47],
  ] as const)('attaches at %s, is replaced, pinned, opened and detached', (direction, attachType) => {
    const pin = bpffs.path(direction)
    const link = keep(netns.enter(() => native().createTcxLink(tc, ifindex, direction)))
    expect(link.info()).toMatchObject({ type: 11, ifindex, attachType, programId: tc.info().id })
    link.update(tc, tc)
    link.pin(pin)
    link.close()
    const again = keep(native().openPinnedLink(pin))
    expect(again.info()).toMatchObject({ ifindex, attachType })
    again.detach()
    expect(again.info().ifindex).toBe(0)
    rmSync(pin)
  })

  it('needs a TC program and a direction', () => {
    expect(thrownBy(() => netns.enter(() => native().createTcxLink(answer, ifindex, 'ingress'))).code).toBe('EINVAL')
    expect(() => native().createTcxLink(tc, ifindex, 'sideways' as 'ingress')).toThrow(TypeError)
  })
})

describe('clsact', () => {
  const filters = (direction: string): string => run('tc', '-n', netns.name, 'filter', 'show', 'dev', 'va', direction)
  const qdiscs = (): string => run('tc', '-n', netns.name, 'qdisc', 'show', 'dev', 'va')
  const attach = (direction: 'ingress' | 'egress'): boolean =>
    netns.enter(() => native().attachClsact(tc, ifindex, direction, 7, 100))
  const query = (direction: 'ingress' | 'egress'): number =>
    netns.enter(() => native().queryClsact(ifindex, direction, 7, 100))

  afterEach(() => {
    if (qdiscs().includes('clsact')) netns.enter(() => native().removeClsact(ifindex))
  })

  it('attaches, replaces, tells and detaches a filter by handle and priority', () => {
    for (const direction of ['ingress', 'egress'] as const) {
      expect(query(direction)).toBe(0)
      for (let i = 0; i < 2; i++) attach(direction)
      expect(filters(direction).match(/handle 0x7 /g)).toHaveLength(1)
      expect(filters(direction)).toContain('pref 100')
      expect(query(direction)).toBe(tc.info().id)
      netns.enter(() => native().detachClsact(ifindex, direction, 7, 100))
      expect(filters(direction)).not.toContain('tc_pass')
      expect(query(direction)).toBe(0)
    }
  })

  it('tells who made the qdisc, and removes it with all that is in it', () => {
    expect(attach('ingress')).toBe(true)
    expect(attach('egress')).toBe(false)
    netns.enter(() => native().removeClsact(ifindex))
    expect(qdiscs()).not.toContain('clsact')
    expect(query('egress')).toBe(0)
    expect(thrownBy(() => netns.enter(() => native().removeClsact(ifindex)))).toMatchObject({
      syscall: 'bpf_tc_hook_destroy',
      object: 'va',
    })
  })

  it('fails to detach what is not there', () => {
    const error = thrownBy(() => netns.enter(() => native().detachClsact(ifindex, 'ingress', 9, 9)))
    expect(error).toMatchObject({ syscall: 'bpf_tc_detach', object: 'va' })
  })

  it('fails on an interface that is not there, naming it', () => {
    const gone = { code: 'ENODEV', object: 'ifindex 9999' }
    expect(thrownBy(() => netns.enter(() => native().queryClsact(9999, 'ingress', 7, 100)))).toMatchObject(gone)
    expect(thrownBy(() => netns.enter(() => native().attachClsact(tc, 9999, 'ingress', 7, 100)))).toMatchObject(gone)
  })
})

describe('a closed link', () => {
  it('throws EBADF from every member, and closes again quietly', () => {
    const link = attachXdp()
    link.close()
    link.close()
    const uses = [
      () => link.fd, () => link.info(), () => link.update(other), () => link.pin(bpffs.path('never')),
      () => link.detach(),
    ]
    for (const use of uses) expect(thrownBy(use).code).toBe('EBADF')
  })
})
