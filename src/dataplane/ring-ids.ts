/** Which maps lie in `rings`, by way of the program lb_ring_ids: a look-up from user space may cost a grace period. */
import type { Program } from '../loader/program.js'
import { Limit } from '../maps/generated.js'

/** The ids of the rings' maps, by the rings' indices. */
export function* readRingIds(program: Program): Generator<[number, number]> {
  const words = new Uint32Array(Limit.ringIds)
  for (let first = 0; first < Limit.maxRings; first += Limit.ringIds) {
    words[0] = first
    const { data } = program.run({ data: new Uint8Array(words.buffer) })
    const ids = new Uint32Array(Uint8Array.from(data).buffer)
    for (let index = 0; index < ids.length; index++) {
      const id = ids[index] as number
      if (id !== 0) yield [first + index, id]
    }
  }
}
