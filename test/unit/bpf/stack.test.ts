/** That the dataplane keeps within what Linux 6.1 allows, also where the kernel of this machine allows more. */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { type BpfCode, readCode } from './code.js'
import { callDepth, deepestChain, refusedBackEdges } from './verifier.js'

/** MAX_BPF_STACK and MAX_CALL_FRAMES. */
const STACK = 512
const FRAMES = 8

const codeOf = (name: string): BpfCode =>
  readCode(readFileSync(new URL(`../../../build/bpf/${name}.o`, import.meta.url)), name)

/** Functions that have such edges, with the instructions. */
const backEdges = ({ functions }: BpfCode): [string, number[]][] =>
  [...functions.values()].map((each): [string, number[]] => [each.name, refusedBackEdges(each)]).filter(([, all]) => all.length > 0)

describe.each(['xdp_lb', 'tc_reply', 'xdp_ping'])('%s on Linux 6.1', (name) => {
  const code = codeOf(name)

  it.each(code.programs.map((program) => [program.name, program] as const))('%s has stack for its deepest call', (_, program) => {
    const { bytes, functions } = deepestChain(program)
    expect(bytes, functions.join(' > ')).toBeLessThanOrEqual(STACK)
    expect(callDepth(program)).toBeLessThanOrEqual(FRAMES)
  })

  it('closes loops by jumps alone', () => {
    expect(backEdges(code)).toEqual([])
  })
})

describe('the rules of Linux 6.1', () => {
  it('round frames up to 32 bytes', () => {
    const [program] = codeOf('test/verifier_deep_stack').programs
    expect(deepestChain(program!)).toEqual({ bytes: 544, functions: ['deep_stack 256', 'middle 256', 'leaf 32'] })
    expect(callDepth(program!)).toBe(3)
  })

  it('count callbacks', () => {
    const [program] = codeOf('test/verifier_callback').programs
    expect(deepestChain(program!)).toEqual({ bytes: 288, functions: ['callback 32', 'turn 256'] })
  })

  it('refuse a body that falls into its condition', () => {
    expect(backEdges(codeOf('test/verifier_back_edge'))).toEqual([['back_edge', [2]]])
  })
})
