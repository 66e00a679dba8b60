import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Verdict } from '../../src/maps/generated.js'
import type { VerdictName } from '../support/oracle.js'
import { Director } from './director.js'
import { clientFlowFrame, realFlowFrame } from './flow-frames.js'
import { anyAnswer, anyFrame, anyProbe } from './frames.js'
import { randomWorld } from './random-world.js'
import { world } from './world.js'

/** So many reach every verdict. */
const ENOUGH = 50_000
const FRAMES = Number(process.env['VEER_FUZZ_FRAMES'] ?? ENOUGH)
const FRAMES_PER_RUN = 100
/** So many that no flow finds its two full. */
const BUCKETS = 64

/** Full maps, frames of several buffers and routes that do not fit have tests of their own. */
const OUT_OF_REACH: VerdictName[] = ['forwardStateless', 'passTooBig', 'dropNotLinear', 'dropTableFull', 'dropNoRoute']
/** Not in every run of so few frames. */
const RARE: VerdictName[] = ['dropClash']

const SEED = Number(process.env['VEER_FUZZ_SEED'] ?? Date.now() & 0x7fffffff)

/** Without the hundred frames before the one that was wrong: seed and path make them again. */
function throwFailure<T>({ failed, errorInstance, seed, counterexamplePath }: fc.RunDetails<T>): void {
  if (!failed) return
  const message = errorInstance instanceof Error ? errorInstance.message : String(errorInstance)
  throw new Error(`${message}\nVEER_FUZZ_SEED=${seed} (path ${counterexamplePath})`, { cause: errorInstance })
}

const sent = fc.oneof(
  { weight: 4, arbitrary: anyFrame.map((frame) => ({ from: 'client' as const, frame: () => frame })) },
  { weight: 3, arbitrary: clientFlowFrame.map((frame) => ({ from: 'client' as const, frame })) },
  { weight: 1, arbitrary: anyAnswer.map((frame) => ({ from: 'real' as const, frame: () => frame })) },
  { weight: 1, arbitrary: realFlowFrame.map((frame) => ({ from: 'real' as const, frame })) },
  { weight: 2, arbitrary: anyProbe.map((frame) => ({ from: 'probes' as const, frame: () => frame })) },
)
/** Which program a frame goes through. */
const WAY = { client: 'send', real: 'reply', probes: 'probe' } as const
const frames = fc.array(sent, { minLength: FRAMES_PER_RUN, maxLength: FRAMES_PER_RUN })

describe('any frame, under any configuration', () => {
  it(
    'gets exactly the verdict, the action and the bytes that the oracle says, is counted once, and touches no other flow',
    async () => {
      const director = await Director.withReplies(world(), BUCKETS)
      await director.lb.openProbe()
      const reached = new Set<VerdictName>()
      const property = fc.property(randomWorld, frames, (configuration, sequence) => {
        director.become(configuration())
        for (const { from, frame } of sequence) {
          const bytes = frame(director.table)
          if (bytes !== undefined) reached.add(director[WAY[from]](bytes).verdict)
        }
        director.expectSameState()
      })
      const runs = { numRuns: Math.ceil(FRAMES / FRAMES_PER_RUN), endOnFailure: true }
      fc.assert(property, { ...runs, seed: SEED, reporter: throwFailure })
      const expected = (Object.keys(Verdict) as VerdictName[]).filter((name) => !RARE.includes(name))
      const missed = expected.filter((name) => !reached.has(name))
      if (FRAMES >= ENOUGH) expect(missed, 'verdicts that no frame had').toEqual(OUT_OF_REACH)
    },
    120_000 + FRAMES * 20,
  )
})
