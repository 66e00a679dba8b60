/** Which destinations are one real in several services of a persistence group. */
import type { ServiceConfig } from '../config/schema.js'

/** A service, and the ids of its destinations. */
interface Member {
  target: { config: ServiceConfig }
  destIds: readonly number[]
}

/**
 * `lb_dest.sibling` by destination id: the destinations of one real in a group name each other in a circle. A real that
 * a service has under several ports is there by the first.
 */
export function siblingsOf(services: readonly Member[]): Map<number, number> {
  const circles = new Map<string, number[]>()
  for (const { target, destIds } of services) {
    const { vip, persistence, reals } = target.config
    if (persistence === false || persistence.group === undefined) continue
    const seen = new Set<string>()
    reals.forEach(({ address }, index) => {
      if (seen.has(address)) return
      seen.add(address)
      const circle = `${vip} ${persistence.group} ${address}`
      circles.set(circle, [...(circles.get(circle) ?? []), destIds[index] as number])
    })
  }
  return new Map([...circles.values()].filter((ids) => ids.length > 1).flatMap(linked))
}

function linked(ids: readonly number[]): [number, number][] {
  return ids.map((id, index) => [id, 1 + (ids[(index + 1) % ids.length] as number)])
}
