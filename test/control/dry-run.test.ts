import { createHash } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openDryRun } from '../../src/dataplane/explain.js'
import type { Instance } from '../../src/dataplane/instance.js'
import { Step, Verdict } from '../../src/maps/generated.js'
import { macFromBytes, parseMac } from '../../src/net/mac.js'
import { readInterfaces } from '../../src/system/interfaces.js'
import { request } from '../packet/world.js'
import { macOf } from '../unit/control/support.js'
import { AttachedDirector } from './attached.js'

let lab: AttachedDirector

beforeEach(() => {
  lab = new AttachedDirector()
})

afterEach(() => lab.remove())

/**
 * Digests of the maps that packets change, but for the sweeper's, which changes by itself. Of the verdicts only those
 * of forwarded packets: what the interface sends by itself is passed.
 */
function state({ maps }: Instance): string[] {
  const { conns, reverse, schedState, destState, svcStats, destStats, verdicts } = maps
  const all = [conns, reverse, schedState, destState, svcStats, destStats]
  const forwarded = verdicts.raw.readAll().subarray(0, Verdict.replyArp * verdicts.raw.valueBytes)
  return [
    ...all.map(({ raw }) => digest(raw.name, raw.readAll())),
    digest(verdicts.raw.name, forwarded),
  ]
}

const digest = (name: string, bytes: Buffer): string => `${name} ${createHash('sha256').update(bytes).digest('hex')}`

const vaMac = (): string => {
  const va = readInterfaces(lab.namespace).find(({ name }) => name === 'va')
  return parseMac(va?.mac ?? '') ?? ''
}

describe('a dry run', () => {
  it.each(['dr', 'nat'])('says what would become of a packet, and changes nothing (%s)', async (forward) => {
    await lab.director.attach(lab.config([{ forward, scheduler: 'rr' }]))
    using instance = lab.instance()
    using dryRun = await openDryRun(instance, lab.namespace)
    const before = state(instance)
    const frame = request(4, 'tcp', { dstMac: vaMac(), flags: ['syn'] }).bytes()
    const first = dryRun.run(frame, lab.ifindex('va'))
    expect(first.verdict).toBe(Verdict.forwardNew)
    expect(first.explanation.steps).toBe(Step.vip | Step.service | Step.scheduled | Step.dest)
    expect(macFromBytes(first.output.subarray(0, 6))).toBe(macOf('10.0.0.11'))
    expect(state(instance)).toEqual(before)
  })

  it('is of the interface that it is asked for', async () => {
    await lab.director.attach(lab.config([{}]))
    using instance = lab.instance()
    using dryRun = await openDryRun(instance, lab.namespace)
    const frame = request(4, 'tcp', { dstMac: vaMac(), flags: ['syn'] }).bytes()
    expect(dryRun.run(frame, lab.ifindex('vb')).verdict).toBe(Verdict.passOtherHost)
    expect(dryRun.run(frame, lab.ifindex('va')).explanation.verdict).toBe(Verdict.forwardNew)
    expect(() => dryRun.run(frame, 9999)).toThrow(expect.objectContaining({ code: 'ENODEV' }))
  })
})
