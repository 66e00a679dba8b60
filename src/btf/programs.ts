import type { Elf } from './elf.js'

/** A program as it stands in an object: its function's name and the section that names its type. */
export interface ProgramDefinition {
  name: string
  section: string
}

const SHF_EXECINSTR = 4

/** Global functions outside of .text, which holds what programs call; in the order of the symbol table. */
export function programDefinitions(elf: Elf): ProgramDefinition[] {
  return elf.symbols.flatMap((symbol) => {
    const section = elf.sections[symbol.section]
    if (symbol.type !== 'function' || !symbol.global || section === undefined || section.name === '.text') return []
    return (section.flags & SHF_EXECINSTR) === 0 ? [] : [{ name: symbol.name, section: section.name }]
  })
}
