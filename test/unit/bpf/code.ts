/** The functions of a BPF object and their instructions, as far as rules about them need it: who calls whom. */
import { type Elf, parseElf } from '../../../src/btf/elf.js'
import { programDefinitions } from '../../../src/btf/programs.js'

/** `struct bpf_insn` of <linux/bpf.h>. A load of 64 bits takes two, of which the second has code 0. */
export interface Instruction {
  code: number
  dst: number
  src: number
  off: number
  imm: number
}

export interface BpfFunction {
  name: string
  instructions: Instruction[]
  /** Functions that it calls, and those that it hands to helpers to call. */
  callees: Set<BpfFunction>
}

const BYTES = 8
const R_BPF_64_64 = 1
const R_BPF_64_32 = 10
const CALL = 0x85
const PSEUDO_CALL = 1
const LOAD_64 = 0x18

/** The functions by name, and which of them are programs. */
export interface BpfCode {
  functions: ReadonlyMap<string, BpfFunction>
  programs: readonly BpfFunction[]
}

export function readCode(object: Uint8Array, name: string): BpfCode {
  const elf = parseElf(object, name)
  const at = new Map<string, BpfFunction>()
  const functions = elf.symbols.flatMap((symbol) => {
    if (symbol.type !== 'function') return []
    const code = elf.sections[symbol.section]!.data.subarray(symbol.value, symbol.value + symbol.size)
    const each = { name: symbol.name, instructions: decode(code), callees: new Set<BpfFunction>() }
    at.set(`${symbol.section}:${symbol.value}`, each)
    return [{ each, symbol }]
  })
  for (const { each, symbol } of functions) {
    const targets = relocations(elf, symbol.section)
    for (const [index, instruction] of each.instructions.entries()) {
      const offset = symbol.value + index * BYTES
      const target = calleeAt(instruction, offset, targets.get(offset), symbol.section)
      const callee = target === undefined ? undefined : at.get(target)
      if (callee !== undefined) each.callees.add(callee)
      else if (isCall(instruction)) throw new Error(`${name}: ${symbol.name} calls what is no function`)
    }
  }
  const byName = new Map(functions.map(({ each }) => [each.name, each]))
  return { functions: byName, programs: programDefinitions(elf).map((program) => byName.get(program.name)!) }
}

export const isCall = ({ code, src }: Instruction): boolean => code === CALL && src === PSEUDO_CALL

function decode(code: Buffer): Instruction[] {
  return Array.from({ length: code.length / BYTES }, (_, index) => {
    const at = index * BYTES
    const registers = code.readUInt8(at + 1)
    return {
      code: code.readUInt8(at),
      dst: registers & 0xf,
      src: registers >> 4,
      off: code.readInt16LE(at + 2),
      imm: code.readInt32LE(at + 4),
    }
  })
}

interface Relocation {
  type: number
  /** Section and offset of its symbol; of a section itself, what the instruction says is added. */
  section: number
  value: number
  ofSection: boolean
}

/** Of a section's instructions, by offset. */
function relocations(elf: Elf, section: number): Map<number, Relocation> {
  const data = elf.sections.find(({ name }) => name === `.rel${elf.sections[section]!.name}`)?.data ?? Buffer.alloc(0)
  return new Map(
    Array.from({ length: data.length / 16 }, (_, index) => {
      const at = index * 16
      const symbol = elf.symbols[data.readUInt32LE(at + 12)]!
      const ofSection = symbol.type === 'section'
      return [Number(data.readBigUInt64LE(at)), { ...symbol, type: data.readUInt32LE(at + 8), ofSection }] as const
    }),
  )
}

/** `section:offset` of the function that an instruction names, as the compiler leaves it to the loader. */
function calleeAt(instruction: Instruction, offset: number, target: Relocation | undefined, section: number): string | undefined {
  const { code, imm } = instruction
  if (isCall(instruction)) {
    if (target === undefined) return `${section}:${offset + (imm + 1) * BYTES}`
    if (target.type !== R_BPF_64_32) return undefined
    return `${target.section}:${target.ofSection ? (imm + 1) * BYTES : target.value}`
  }
  if (code !== LOAD_64 || target?.type !== R_BPF_64_64) return undefined
  return `${target.section}:${target.value + imm}`
}
