import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { changesOf } from '../../src/control/changes.js'
import { config, configOf, PlainMaps } from '../unit/control/support.js'
import { Kernel } from './kernel.js'

/** The examples on the interface of the tests. */
const example = (name: string) => {
  const text = readFileSync(new URL(`../../examples/${name}.yaml`, import.meta.url), 'utf8')
  return config(text.replace(/^interfaces:.*\n(?: +-.*\n)*/m, 'interfaces: [lo]\n'))
}

describe('a configuration of every key', () => {
  it.each(['nat', 'persistence', 'schedulers'])('as in examples/%s.yaml is in the maps what it is by the model', async (name) => {
    const kernel = await Kernel.open(example(name))
    const { hz } = kernel.live().settings
    const plain = new PlainMaps()
    plain.settings = { ...plain.settings, hz }
    plain.become(example(name), { hz })
    expect(kernel.observe()).toEqual(plain.observe())
    expect(changesOf(kernel.plan(example(name)))).toEqual([])
    kernel.become(configOf([]))
    expect([kernel.live().peers.size, kernel.live().settings.peers]).toEqual([0, 0])
  })
})

describe('a new id', () => {
  it('starts with nothing counted and nothing remembered', async () => {
    const kernel = await Kernel.open(configOf([]))
    const { schedState, destState } = kernel.maps
    schedState.set(0, { cursor: 7n, dest: 7, generation: 7, used: 7, modified: 7 })
    for (const id of [0, 1]) destState.set(id, { conns: 7n, persistent: 7, overloaded: 1, inSet: 1 })
    kernel.become(configOf([{}]))
    expect(schedState.get(0)).toEqual({ cursor: 0n, dest: 0, generation: 0, used: 0, modified: 0 })
    const nothing = { conns: 0n, persistent: 0, overloaded: 0, inSet: 0 }
    expect([destState.get(0), destState.get(1)]).toEqual([nothing, nothing])
  })

  it('is not given for another threshold, and what was counted stays', async () => {
    const kernel = await Kernel.open(configOf([{}]))
    const counted = { conns: 7n, persistent: 7, overloaded: 0, inSet: 0 }
    kernel.maps.destState.set(0, counted)
    kernel.become(configOf([{ reals: [{ address: '10.0.0.11', upperThreshold: 9 }, '10.0.0.12'], persistence: true }]))
    expect(kernel.maps.destState.get(0)).toEqual(counted)
    expect(kernel.maps.dests.get(0)).toMatchObject({ upper: 9 })
  })
})
