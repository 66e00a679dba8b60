/** Sets of ports as `net.ipv4.ip_local_reserved_ports` has them: `8080,61000-65535`. */

/** Both ends belong to it. */
export interface PortRange {
  first: number
  last: number
}

/** Ranges in order that neither overlap nor touch. */
export type PortSet = readonly PortRange[]

/** What the kernel prints. */
export function parsePorts(text: string): PortSet {
  const ranges = [...text.matchAll(/(\d+)(?:-(\d+))?/g)].map(([, first, last]) => {
    return { first: Number(first), last: Number(last ?? first) }
  })
  return normalise(ranges)
}

export function formatPorts(ports: PortSet): string {
  return ports.map(({ first, last }) => (first === last ? `${first}` : `${first}-${last}`)).join(',')
}

export function unionOf(a: PortSet, b: PortSet): PortSet {
  return normalise([...a, ...b])
}

/** The ports of `a` that are not in `b`. */
export function withoutPorts(a: PortSet, b: PortSet): PortSet {
  return b.reduce<PortSet>((left, cut) => left.flatMap((range) => remains(range, cut)), a)
}

export function intersectionOf(a: PortSet, b: PortSet): PortSet {
  return withoutPorts(a, withoutPorts(a, b))
}

function remains({ first, last }: PortRange, cut: PortRange): PortRange[] {
  const below = { first, last: Math.min(last, cut.first - 1) }
  const above = { first: Math.max(first, cut.last + 1), last }
  // What does not meet `cut` is wholly below or above it.
  return [below, above].filter((range) => range.first <= range.last)
}

function normalise(ranges: readonly PortRange[]): PortSet {
  const sorted = ranges.filter(({ first, last }) => first <= last).sort((a, b) => a.first - b.first)
  const merged: PortRange[] = []
  for (const range of sorted) {
    const before = merged.at(-1)
    if (before !== undefined && range.first <= before.last + 1) before.last = Math.max(before.last, range.last)
    else merged.push({ ...range })
  }
  return merged
}
