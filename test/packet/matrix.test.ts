import { describe, expect, it } from 'vitest'
import { verifyChecksums } from '../support/packet/verify.js'
import { scapyVerdict } from '../support/scapy.js'
import { Director } from './director.js'
import { CELLS, reassembled, worldOf, type Cell } from './matrix.js'

/** Sends what a cell sends, all of it agreed with the oracle, and returns what came out. */
async function outputsOf(cell: Cell): Promise<Uint8Array[]> {
  const sent = cell.situation.sent(cell.kind)
  const fromReals = sent.some(({ from }) => from === 'real')
  const director = await (fromReals ? Director.withReplies(worldOf(cell)) : Director.serving(worldOf(cell)))
  const out = sent.map(({ from, frame, verdict }) => {
    const result = from === 'client' ? director.send(frame) : director.reply(frame)
    expect(result.verdict).toBe(verdict)
    return result.frame
  })
  director.expectSameState()
  return out
}

/** Frames whose checksums can be judged: two fragments as the one datagram that they are. */
function judged({ kind, situation }: Cell, frames: Uint8Array[]): Uint8Array[] {
  const [first, later] = frames
  if (!situation.name.includes('fragment')) return frames
  return first === undefined || later === undefined ? [] : [reassembled(kind.family, first, later)]
}

describe('every cell', () => {
  it.each(CELLS)('$title', async (cell) => {
    const out = await outputsOf(cell)
    for (const frame of judged(cell, out)) verifyChecksums(frame)
  })

  it('has right checksums by scapy, those of quoted headers too', async () => {
    const frames: { title: string; frame: Uint8Array }[] = []
    for (const cell of CELLS) {
      for (const frame of judged(cell, await outputsOf(cell))) frames.push({ title: cell.title, frame })
    }
    const verdicts = scapyVerdict(frames.map(({ frame }) => frame))
    const wrong = frames.flatMap(({ title }, index) => (verdicts[index] === 'ok' ? [] : [`${title}: ${verdicts[index]}`]))
    expect(wrong).toEqual([])
  }, 120_000)
})
