/** A plan as text. */
import type { Change } from '../control/changes.js'
import type { Plan } from '../control/director.js'
import { columns } from './output.js'

const SIGNS = { add: '+', remove: '-', change: '~' } as const

/** One line a change, then how many ring slots move. */
export function formatPlan({ changes, disruption }: Plan): string {
  if (changes.length === 0) return 'no changes'
  const lines = changes.map(formatChange)
  const moves = disruption.map(({ service, slotsMoved, slots }) => [
    `  ${service}:`,
    `${slotsMoved} of ${slots} ring slots move`,
    slots === 0 ? '' : `(${((100 * slotsMoved) / slots).toFixed(1)} %)`,
  ])
  return [...lines, ...(moves.length > 0 ? [columns(moves)] : [])].join('\n')
}

function formatChange({ action, object, before, after }: Change): string {
  const sign = `${SIGNS[action]} ${object}`
  switch (action) {
    case 'add':
      return `${sign}  ${formatFields(after)}`
    case 'remove':
      return `${sign}  ${formatFields(before)}`
    case 'change':
      return `${sign}  ${formatValue(before)} -> ${formatValue(after)}`
  }
}

/** A map as `key=value key=value`; without its name, which the path before it has, and an address as it is. */
function formatFields(value: unknown): string {
  if (typeof value !== 'object' || value === null) return formatValue(value)
  return Object.entries(value)
    .filter(([key]) => key !== 'name')
    .map(([key, each]) => (key === 'address' ? formatValue(each) : `${key}=${formatNested(each)}`))
    .join(' ')
}

/** A map within a map, in parentheses: where it ends must be told. */
function formatNested(value: unknown): string {
  const isMap = typeof value === 'object' && value !== null && !Array.isArray(value) && !('name' in value)
  return isMap ? `(${formatFields(value)})` : formatValue(value)
}

/** A value of a field: a scheduler as `rr` or `mh(tableSize=251, ports=true)`, a list in brackets. */
function formatValue(value: unknown): string {
  if (value === null || value === undefined) return '-'
  if (Array.isArray(value)) return `[${value.map(formatFields).join(', ')}]`
  if (typeof value !== 'object') return typeof value === 'string' ? value : JSON.stringify(value)
  if (!('name' in value)) return formatFields(value)
  const { name, ...options } = value
  const list = Object.entries(options).map(([key, each]) => `${key}=${formatValue(each)}`)
  return list.length === 0 ? formatValue(name) : `${formatValue(name)}(${list.join(', ')})`
}

/** What keeps packets from flowing: reals that did not tell their MAC, and what else the plan warns of. */
export function planWarnings({ unresolved, warnings }: Plan): string[] {
  if (unresolved.length === 0) return warnings
  const silent =
    `no answer to ARP or ND from ${unresolved.join(', ')}: these reals get no traffic until they do; ` +
    'check that they are up, and run `veer apply` again or leave `veer run` running'
  return [silent, ...warnings]
}
