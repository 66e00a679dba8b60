/** How C names become TypeScript names, and which functions of an object are programs. */
import { camelCase } from '../../src/btf/layout.js'
import type { Elf } from '../../src/btf/elf.js'

const EXECUTABLE = 4

/** `lb_conn_key` → `ConnKey`. */
export function pascalCase(name: string): string {
  const camel = camelCase(name.replace(/^lb_/, ''))
  return camel.charAt(0).toUpperCase() + camel.slice(1)
}

/** Global functions outside of .text, which holds what other programs call. */
export function programsOf(elf: Elf): { name: string; section: string }[] {
  return elf.symbols.flatMap((symbol) => {
    const section = elf.sections[symbol.section]
    if (symbol.type !== 'function' || !symbol.global || section === undefined || section.name === '.text') return []
    return (section.flags & EXECUTABLE) === 0 ? [] : [{ name: symbol.name, section: section.name }]
  })
}
