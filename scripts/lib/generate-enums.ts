/** TypeScript constants from the enums of an object's BTF. */
import type { Btf, BtfEnum } from '../../src/btf/btf.js'
import { camelCase } from '../../src/btf/layout.js'
import { anchors } from './anchors.js'
import { pascalCase } from './names.js'

interface Enumerator {
  /** snake_case, without the prefix. */
  name: string
  value: number
}

/** Source of the enums that the object anchors. */
export function generateEnums(btf: Btf): string[] {
  return anchors(btf)
    .map((id) => btf.resolve(id))
    .filter((type): type is BtfEnum => type.kind === 'enum')
    .map((type) => enumSource(type))
}

function enumSource(type: BtfEnum): string {
  const members = enumerators(type)
  const name = pascalCase(type.name)
  const constants = [
    `/** \`enum ${type.name}\`. */`,
    `export const ${name} = {`,
    ...members.map((member) => `  ${camelCase(member.name)}: ${member.value},`),
    '} as const',
  ]
  // Numbers of limits mean nothing by themselves, so they have neither a type nor names.
  if (type.name === 'lb_limit') return constants.join('\n')
  constants.push('', `export type ${name} = (typeof ${name})[keyof typeof ${name}]`, '')
  return [...constants, ...namesSource(type.name, members)].join('\n')
}

function namesSource(enumName: string, members: Enumerator[]): string[] {
  return [
    `/** Names of \`enum ${enumName}\` by value, as printed. */`,
    `export const ${camelCase(enumName.replace(/^lb_/, ''))}Names: Readonly<Record<number, string>> = {`,
    ...members.map((member) => `  ${member.value}: '${member.name}',`),
    '}',
  ]
}

/** Without the common prefix, and without the one that only counts the others (`enum lb_verdict`: `LB_VERDICTS`). */
function enumerators(type: BtfEnum): Enumerator[] {
  const members = type.values.filter((each) => each.name !== `${type.name.toUpperCase()}S`)
  const prefix = commonPrefix(members.map((each) => each.name))
  return members.map((each) => ({ name: each.name.slice(prefix.length).toLowerCase(), value: Number(each.value) }))
}

/** The longest prefix that ends with `_` and leaves something of every name. */
function commonPrefix(names: string[]): string {
  const parts = (names[0] ?? '').split('_')
  for (let count = parts.length - 1; count > 0; count--) {
    const prefix = `${parts.slice(0, count).join('_')}_`
    if (names.every((name) => name.startsWith(prefix) && name.length > prefix.length)) return prefix
  }
  return ''
}
