import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Verdict } from '../../src/maps/generated.js'
import { plainService, serviceKey, type Service, type Table, type VerdictName } from '../support/oracle.js'
import { Director } from './director.js'
import { anyFrame, EMPTY_PORT } from './frames.js'
import {
  destId,
  destOf,
  FAMILIES,
  knowConn,
  OTHER_INTERFACE,
  OUR_OTHER_MAC,
  serviceOf,
  SILENT_VIP,
  VIP_ID,
  world,
} from './world.js'

const FRAMES = Number(process.env['VEER_FUZZ_FRAMES'] ?? 10_000)
const FRAMES_PER_RUN = 50
/** An interface that is not among the ways out. */
const DETACHED = 4243

/** Full maps and frames of several buffers have tests of their own. */
const OUT_OF_REACH: VerdictName[] = ['forwardStateless', 'dropNotLinear']

const slots = (count: number, family: 4 | 6, protocol: 'tcp' | 'udp'): number[] =>
  Array.from({ length: count }, (_, slot) => destId(family, protocol, slot % 3))

/** A director in whose table every branch has something to find. */
function troubledWorld(): Table {
  return world((table) => {
    const hashed: Partial<Service> = { scheduler: 'mh', ports: true, ring: slots(251, 4, 'udp') }
    Object.assign(serviceOf(table, 4, 'udp'), hashed)
    Object.assign(serviceOf(table, 6, 'tcp'), { scheduler: 'sh', sloppy: true, ring: slots(256, 6, 'tcp') })
    for (const family of FAMILIES) {
      destOf(table, family, 'tcp', 1).neighbour = false
      Object.assign(destOf(table, family, 'udp', 1), { ifindex: OTHER_INTERFACE, srcMac: OUR_OTHER_MAC })
      Object.assign(destOf(table, family, 'udp', 2), { ifindex: DETACHED })
      Object.assign(table.vips.get(SILENT_VIP[family]) ?? {}, { echo: 'drop' })
      knowConn(table, family, 'tcp', 2, family === 4 ? { state: 'finWait' } : { generation: 3 })
      knowConn(table, family, 'udp', 0, family === 4 ? { expires: 1n } : {})
      for (const protocol of ['tcp', 'udp'] as const) {
        const id = 50 + family + (protocol === 'tcp' ? 0 : 1)
        const empty = plainService({ id, scheduler: 'wrr', sloppy: true, ring: [] })
        table.services.set(serviceKey(VIP_ID[family], protocol, EMPTY_PORT), empty)
      }
    }
  })
}

describe('any frame', () => {
  it(
    'gets exactly the verdict, the action and the bytes that the oracle says, and is counted once',
    async () => {
      const director = await Director.serving(troubledWorld())
      const reached = new Set<VerdictName>()
      const frames = fc.array(anyFrame, { minLength: FRAMES_PER_RUN, maxLength: FRAMES_PER_RUN })
      const property = fc.property(frames, (sequence) => {
        director.restart(troubledWorld())
        for (const frame of sequence) reached.add(director.send(frame).verdict)
        director.expectSameState()
      })
      fc.assert(property, { numRuns: Math.ceil(FRAMES / FRAMES_PER_RUN), endOnFailure: true })
      const missed = Object.keys(Verdict).filter((name) => !reached.has(name as VerdictName))
      expect(missed, 'verdicts that no frame had').toEqual(OUT_OF_REACH)
    },
    60_000 + FRAMES * 20,
  )
})
