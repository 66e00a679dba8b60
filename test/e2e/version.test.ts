import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Lab } from '../../lab/topology.js'
import { PinDirectory } from '../../src/loader/pin.js'
import { xdpLb } from '../../src/maps/generated.js'
import { configOf, failureLine, traces, veer } from './support.js'

describe('an instance that another version has attached', () => {
  let lab: Lab

  beforeAll(async () => {
    lab = await Lab.create({ reals: 1 })
  })

  afterAll(async () => {
    await lab[Symbol.asyncDispose]()
  })

  it('is refused by name, and can be removed all the same', async () => {
    const before = traces(lab)
    const file = lab.writeConfig(configOf(lab))
    await veer(lab, 'attach', '-f', file)
    using meta = new PinDirectory(join(lab.bpffs, 'veer', lab.name)).openMap(xdpLb.maps.meta)
    const ours = meta.get(0)
    if (ours === undefined) throw new Error('no meta')
    meta.set(0, { ...ours, abiVersion: ours.abiVersion + 1 })
    const line = failureLine(await lab.veer(['plan', '-f', file]))
    expect(line).toContain(`was attached by a veer whose maps have another layout (${ours.abiVersion + 1}, ours is`)
    expect(await veer(lab, 'detach')).toBe(`detached instance ${lab.name}\n`)
    expect({ ...traces(lab), multicast: [] }).toEqual({ ...before, multicast: [] })
  })
})
