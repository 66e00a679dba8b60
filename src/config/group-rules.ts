/** What must hold between the services of a persistence group, which share templates. */
import { Limit } from '../maps/generated.js'
import type { Fault } from './problem.js'
import { groupScope } from './persistence.js'
import { fault, label, type Settled } from './rule.js'
import type { PersistenceConfig } from './schema.js'

/** A service that is in a group. */
interface Member {
  index: number
  service: Settled
  group: string
  scope: number
  persistence: Exclude<PersistenceConfig, false>
}

export function groupsAgree(services: readonly Settled[]): Fault[] {
  const members = services.flatMap((service, index): Member[] => {
    const { persistence } = service
    if (persistence === undefined || persistence === false || persistence.group === undefined) return []
    const { group } = persistence
    return [{ index, service, group, scope: groupScope(group), persistence }]
  })
  const firstOf = new Map(members.toReversed().map((member) => [member.group, member]))
  const sizes = new Map<string, number>()
  return members.flatMap((member) => {
    const size = (sizes.get(member.group) ?? 0) + 1
    sizes.set(member.group, size)
    if (size > Limit.maxSiblings) return [oversized(member)]
    const first = firstOf.get(member.group) ?? member
    const faults = first === member ? clashes(member, members) : disagreements(member, first)
    return faults.map(([key, message]) => {
      const subject = `${label(services, member.index)} and ${label(services, first.index)}`
      const text = first === member ? message : `${message}, and ${subject} are both in the group ${member.group}`
      return fault(['services', member.index, ...key], 'group_disagreement', text)
    })
  })
}

function oversized({ index, group }: Member): Fault {
  const text = `the group ${group} has more than ${Limit.maxSiblings} services`
  return fault(['services', index, 'persistence', 'group'], 'too_many', text)
}

type Disagreement = [key: string[], message: string]

/** With the first service of the group. */
function disagreements(member: Member, first: Member): Disagreement[] {
  const { vip } = member.service
  const other = first.service.vip
  const elsewhere: Disagreement[] =
    vip === undefined || other === undefined || vip === other ? [] : [[['vip'], `${vip} is not ${other}`]]
  const differing = (['timeout', 'netmask', 'netmask6'] as const)
    .filter((key) => member.persistence[key] !== first.persistence[key])
    .map((key): Disagreement => {
      const unit = key === 'timeout' ? 's' : ''
      const message = `${member.persistence[key]}${unit} is not ${first.persistence[key]}${unit}`
      return [['persistence', key], message]
    })
  return [...elsewhere, ...differing]
}

/** With an earlier group of the VIP that templates cannot tell from this one. */
function clashes(member: Member, members: readonly Member[]): Disagreement[] {
  const earlier = members.find(({ service, scope }) => service.vip === member.service.vip && scope === member.scope)
  if (earlier === undefined || earlier.group === member.group) return []
  const message = `${member.group} and ${earlier.group} have the same CRC-32: rename one of the groups`
  return [[['persistence', 'group'], message]]
}
