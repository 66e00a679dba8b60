import { expect, it } from 'vitest'
import { readRingIds } from '../../src/dataplane/ring-ids.js'
import { Limit } from '../../src/maps/generated.js'
import { Kernel } from './kernel.js'

it('tells the maps that are in the table of rings, and where', async () => {
  const { instance } = await Kernel.open()
  const { rings } = instance.maps
  const indices = [0, 1, Limit.ringIds - 1, Limit.ringIds, Limit.maxRings - 1]
  const maps = indices.map((index) => [index, rings.createInner({ name: `ring_${index}`, maxEntries: 1 })] as const)
  rings.setMany(maps)
  for (const [, map] of maps) map.close()
  const expected = indices.map((index) => [index, rings.getId(index)])
  expect([...readRingIds(instance.programs.ringIds)]).toEqual(expected)
  expect([...rings.ids()]).toEqual(expected)
  rings.deleteMany(indices)
  expect([...rings.ids()]).toEqual([])
})
