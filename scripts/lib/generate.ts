/** TypeScript source from the BTF of a BPF object: interfaces, codecs, enums and the table of maps and programs. */
import { Btf } from '../../src/btf/btf.js'
import type { Elf } from '../../src/btf/elf.js'
import { parseElf } from '../../src/btf/elf.js'
import type { Layout, StructLayout } from '../../src/btf/layout.js'
import { camelCase, isPadding, layoutOf } from '../../src/btf/layout.js'
import type { MapDefinition } from '../../src/btf/map-definition.js'
import { mapDefinitions } from '../../src/btf/map-definition.js'
import type { ProgramDefinition } from '../../src/btf/programs.js'
import { programDefinitions } from '../../src/btf/programs.js'
import { MapType, isMapOfMaps, isPerCpu } from '../../src/maps/map-type.js'
import { anchors } from './anchors.js'
import { generateEnums } from './generate-enums.js'
import { pascalCase } from './names.js'

/** An object file as `scripts/build-bpf` leaves it. */
export interface ObjectFile {
  name: string
  bytes: Uint8Array
}

/**
 * The whole source text of the generated file, the same for the same objects.
 *
 * @param main - declares the maps and anchors the types
 * @param others - objects over the same maps
 */
export function generate(main: ObjectFile, others: readonly ObjectFile[]): string {
  const { elf, btf, maps } = readObject(main)
  const body = [
    ...generateEnums(btf),
    ...structsOf(btf, maps).map(structSource),
    tableSource(main.name, mapsSource(maps), programsOf(elf)),
    ...others.map((other) => otherSource(other, main.name, maps)),
  ].join('\n\n')
  return `${header([main, ...others])}\n${imports(body)}\n\n${body}\n`
}

function readObject({ name, bytes }: ObjectFile): { elf: Elf; btf: Btf; maps: MapDefinition[] } {
  const elf = parseElf(bytes, name)
  const section = elf.sections.find((candidate) => candidate.name === '.BTF')
  if (section === undefined) throw new Error(`${name} has no BTF: build it with clang -g`)
  const btf = Btf.parse(section.data, elf.littleEndian)
  // By name: their order in the object changes with every change of the programs.
  return { elf, btf, maps: mapDefinitions(btf).sort(byName) }
}

function programsOf(elf: Elf): ProgramDefinition[] {
  return programDefinitions(elf).sort(byName)
}

const byName = (a: { name: string }, b: { name: string }): number => (a.name < b.name ? -1 : 1)

/** An object that includes bpf/maps.h too, and so declares every map there is. */
function otherSource(other: ObjectFile, main: string, mainMaps: readonly MapDefinition[]): string {
  const { elf, maps } = readObject(other)
  const names = (list: readonly MapDefinition[]): string => list.map(({ name }) => name).join(' ')
  if (names(maps) !== names(mainMaps)) throw new Error(`${other.name} has other maps than ${main}: ${names(maps)}`)
  return tableSource(other.name, `  maps: ${camelCase(main)}.maps,`, programsOf(elf))
}

function header(objects: readonly ObjectFile[]): string {
  const files = objects.map(({ name }) => `bpf/${name}.c`).join(' and ')
  return `/**
 * Generated from the BTF of ${files} (bpf/abi.h, bpf/maps.h) by scripts/gen.ts; do not edit.
 * Numbers are in host order whatever their order on the wire; 64-bit integers are bigints.
 */`
}

/** Only the names that the body uses, since unused imports are errors. */
function imports(body: string): string {
  const used = (names: string[]): string[] => names.filter((name) => new RegExp(`\\b${name}\\b`).test(body))
  const layouts = ['array', 'be16', 'be32', 'be64', 'bool', 'bytes', 'le16', 'le32', 'le64']
  layouts.push('s16', 's32', 's64', 's8', 'struct', 'text', 'u16', 'u32', 'u64', 'u8')
  const from = (names: string[], file: string): string[] =>
    used(names).length === 0 ? [] : [`import { ${used(names).join(', ')} } from '${file}'`]
  return [
    ...from(layouts, '../btf/layout.js'),
    ...from(['Codec', 'u32Codec', 'u64Codec'], './codec.js'),
    ...from(['mapOfMaps', 'perCpuMap', 'plainMap', 'ringBuffer'], './descriptor.js'),
    ...from(['MapType'], './map-type.js'),
  ].join('\n')
}

/** Structs used by maps and by `lb_types`, each after those that it is made of. */
function structsOf(btf: Btf, maps: MapDefinition[]): StructLayout[] {
  const found = new Map<string, StructLayout>()
  const visit = (layout: Layout | undefined): void => {
    if (layout?.kind === 'array') visit(layout.element)
    if (layout?.kind !== 'struct' || found.has(layout.name)) return
    layout.fields.forEach((field) => visit(field.layout))
    if (layout.name === '') throw new Error('a struct without a name cannot be generated: name it')
    found.set(layout.name, layout)
  }
  const visitMap = (map: MapDefinition): void => {
    visit(map.key)
    visit(map.value)
    if (map.inner !== undefined) visitMap(map.inner)
  }
  maps.forEach(visitMap)
  anchors(btf).forEach((type) => visit(layoutOf(btf, type)))
  return [...found.values()]
}

function structSource(layout: StructLayout): string {
  const shown = layout.fields.filter((field) => !isPadding(field.name))
  const type = pascalCase(layout.name)
  const variable = camelCase(layout.name.replace(/^lb_/, ''))
  return [
    `/** \`struct ${layout.name}\`, ${layout.size} bytes. */`,
    `export interface ${type} {`,
    ...shown.map((field) => `  ${camelCase(field.name)}: ${typeSource(field.layout)}`),
    '}',
    '',
    `/** Codec of {@link ${type}}. */`,
    `export const ${variable}Codec = new Codec<${type}>(`,
    `  struct('${layout.name}', ${layout.size}, {`,
    ...layout.fields.map((field) => `    ${field.name}: [${field.offset}, ${layoutSource(field.layout)}],`),
    '  }),',
    ')',
  ].join('\n')
}

function typeSource(layout: Layout): string {
  switch (layout.kind) {
    case 'int':
      return layout.size === 8 ? 'bigint' : 'number'
    case 'bool':
      return 'boolean'
    case 'text':
      return 'string'
    case 'bytes':
      return 'Uint8Array'
    case 'array':
      return `${typeSource(layout.element)}[]`
    case 'struct':
      return pascalCase(layout.name)
  }
}

function layoutSource(layout: Layout): string {
  switch (layout.kind) {
    case 'int':
      return layout.order === 'native'
        ? `${layout.signed ? 's' : 'u'}${layout.size * 8}`
        : `${layout.order === 'big' ? 'be' : 'le'}${layout.size * 8}`
    case 'bool':
      return 'bool'
    case 'text':
      return `text(${layout.size})`
    case 'bytes':
      return `bytes(${layout.size})`
    case 'array':
      return `array(${layoutSource(layout.element)}, ${layout.length})`
    case 'struct':
      return `${camelCase(layout.name.replace(/^lb_/, ''))}Codec.layout`
  }
}

function mapsSource(maps: readonly MapDefinition[]): string {
  const lines = maps.map((map) => `    ${camelCase(map.name)}: ${mapSource(map, '    ')},`)
  return ['  maps: {', ...lines, '  },'].join('\n')
}

function tableSource(name: string, maps: string, programs: readonly ProgramDefinition[]): string {
  return [
    `/** Everything in build/bpf/${name}.o, for \`Collection.load\`. */`,
    `export const ${camelCase(name)} = {`,
    `  name: '${name}',`,
    maps,
    '  programs: {',
    ...programs.map((each) => `    ${camelCase(each.name)}: { name: '${each.name}', section: '${each.section}' },`),
    '  },',
    '}',
  ].join('\n')
}

function mapSource(map: MapDefinition, indent: string): string {
  if (map.type === MapType.ringbuf) {
    return `ringBuffer('${map.name}', ${codecSource(map.value, map.name)})`
  }
  const type = Object.entries(MapType).find(([, number]) => number === map.type)?.[0]
  if (type === undefined) throw new Error(`the map ${map.name} has the unknown type ${map.type}`)
  const base = `{ name: '${map.name}', type: MapType.${type}, flags: 0x${map.flags.toString(16)} }`
  const make = isMapOfMaps(map.type) ? 'mapOfMaps' : isPerCpu(map.type) ? 'perCpuMap' : 'plainMap'
  const value = isMapOfMaps(map.type) ? 'u32Codec' : codecSource(map.value, map.name)
  const parts = [base, codecSource(map.key, map.name), value]
  if (map.inner !== undefined) parts.push(mapSource(map.inner, `${indent}  `))
  const oneLine = `${make}(${parts.join(', ')})`
  if (map.inner === undefined && oneLine.length < 90) return oneLine
  return `${make}(\n${parts.map((part) => `${indent}  ${part},`).join('\n')}\n${indent})`
}

function codecSource(layout: Layout | undefined, map: string): string {
  if (layout?.kind === 'struct') return `${camelCase(layout.name.replace(/^lb_/, ''))}Codec`
  if (layout?.kind === 'int' && layoutSource(layout) === 'u32') return 'u32Codec'
  if (layout?.kind === 'int' && layoutSource(layout) === 'u64') return 'u64Codec'
  if (layout === undefined) throw new Error(`the map ${map} is declared by size: give it types with __type`)
  return `new Codec<${typeSource(layout)}>(${layoutSource(layout)})`
}
