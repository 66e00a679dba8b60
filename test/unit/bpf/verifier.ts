/** Two rules of the verifier of Linux 6.1 (kernel/bpf/verifier.c) that later kernels have relaxed. */
import type { BpfFunction, Instruction } from './code.js'

const FRAME_POINTER = 10
/** What a frame's size is rounded up to; 16 from Linux 6.8 on, where the JIT compiles. */
const ROUND = 32

/** Bits of an instruction's code. */
const CLASS = 0x07
const LDX = 0x01
const ST = 0x02
const STX = 0x03
const JMP = 0x05
const JMP32 = 0x06
const MOV_64 = 0xbf
const ADD_64 = 0x07
const JA = 0x05
const CALL = 0x85
const EXIT = 0x95

/** Functions from a program down, and what their frames take together. */
export interface CallChain {
  bytes: number
  functions: string[]
}

/**
 * The chain of calls that takes most of the stack, by `check_max_stack_depth()`. The callback of a timer has a stack of
 * its own there; here it counts like any other.
 */
export function deepestChain(from: BpfFunction): CallChain {
  const { bytes, functions } = [...from.callees]
    .map((callee) => deepestChain(callee))
    .reduce((deepest, each) => (each.bytes > deepest.bytes ? each : deepest), { bytes: 0, functions: [] })
  const own = Math.ceil(Math.max(stackUse(from.instructions), 1) / ROUND) * ROUND
  return { bytes: bytes + own, functions: [`${from.name} ${own}`, ...functions] }
}

/** The most frames of any chain. */
export const callDepth = ({ callees }: BpfFunction): number => 1 + Math.max(0, ...[...callees].map(callDepth))

/** Bytes below the frame pointer down to the lowest that is used, itself or by a pointer made of it. */
export function stackUse(instructions: readonly Instruction[]): number {
  const pointers = new Map([[FRAME_POINTER, 0]])
  let lowest = 0
  const use = (register: number, off: number): void => {
    const base = pointers.get(register)
    if (base !== undefined) lowest = Math.min(lowest, base + off)
  }
  for (const { code, dst, src, off, imm } of instructions) {
    const kind = code & CLASS
    if (kind === ST || kind === STX) use(dst, off)
    else if (kind === JMP || kind === JMP32) continue
    else if (code === ADD_64 && pointers.has(dst)) {
      pointers.set(dst, pointers.get(dst)! + imm)
      use(dst, 0)
    } else {
      if (kind === LDX) use(src, off)
      const copied = code === MOV_64 ? pointers.get(src) : undefined
      if (copied === undefined) pointers.delete(dst)
      else pointers.set(dst, copied)
    }
  }
  return -lowest
}

interface Edge {
  to: number
  /** Whether it may close a loop: only a jump's, taken or not. */
  mayLoop: boolean
}

/** Where an instruction leads, in the order in which `visit_insn()` looks. */
function edges({ code, off }: Instruction, index: number): Edge[] {
  const kind = code & CLASS
  const next = index + 1
  if ((kind !== JMP && kind !== JMP32) || code === CALL) return [{ to: next, mayLoop: false }]
  if (code === EXIT) return []
  const jump = { to: next + off, mayLoop: true }
  return code === JA ? [jump] : [{ to: next, mayLoop: true }, jump]
}

/**
 * Instructions that `check_cfg()` refuses as `back-edge from insn N to N+1`: its depth-first search comes by them, and
 * not by a jump, to an instruction that it has not left yet.
 */
export function refusedBackEdges({ instructions }: BpfFunction): number[] {
  const refused: number[] = []
  const left = new Set<number>()
  const path = [{ index: 0, pending: edges(instructions[0]!, 0) }]
  const seen = new Set([0])
  for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
    const edge = top.pending.shift()
    if (edge === undefined) {
      left.add(top.index)
      path.pop()
    } else if (!seen.has(edge.to)) {
      seen.add(edge.to)
      path.push({ index: edge.to, pending: edges(instructions[edge.to]!, edge.to) })
    } else if (!left.has(edge.to) && !edge.mayLoop) {
      refused.push(top.index)
    }
  }
  return refused
}
