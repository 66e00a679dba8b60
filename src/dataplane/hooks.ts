/** Where programs of an instance are attached: the hooks of an interface, and what is pinned for each. */
import type { ClsactPlace } from '../loader/clsact.js'
import type { TcDirection } from '../loader/link.js'

export const TC_DIRECTIONS: readonly TcDirection[] = ['ingress', 'egress']

/** `xdp`: requests; `ingress`, `egress`: replies of nat, at TC; `probe`: XDP on the host's end of the probes' veth pair. */
export type HookKind = 'xdp' | 'probe' | TcDirection

export interface Hook {
  ifindex: number
  kind: HookKind
}

/** A hook at TC. */
export type TcHook = Hook & { kind: TcDirection }

export function isTcHook(hook: Hook): hook is TcHook {
  return hook.kind === 'ingress' || hook.kind === 'egress'
}

/** The filter's handle spells `veer`; the lowest priority number comes first, before filters that would take the reply. */
const FILTER = { handle: 0x76656572, priority: 1 } as const

/** Where the filter of a TC hook is on a kernel without TCX. */
export function filterPlace({ ifindex, kind }: TcHook): ClsactPlace {
  return { ifindex, direction: kind, ...FILTER }
}

/** The name that a link is pinned by; an interface's own name may hold dots, which bpffs does not allow. */
export function linkPinName({ ifindex, kind }: Hook): string {
  return kind === 'xdp' || kind === 'probe' ? `${kind}_${ifindex}` : `tcx_${kind}_${ifindex}`
}

/** The name of the note of a filter. */
export function filterPinName({ ifindex, kind }: TcHook): string {
  return `${kind}_${ifindex}`
}

/** The name of the note that the clsact qdisc of an interface is our own. */
export function qdiscPinName(ifindex: number): string {
  return `qdisc_${ifindex}`
}

/** The hook that a pinned link is of; undefined for a name that this version does not give. */
export function hookOfLink(pinName: string): Hook | undefined {
  const [, kind, ifindex] = /^(xdp|probe|tcx_ingress|tcx_egress)_(\d+)$/.exec(pinName) ?? []
  if (kind === undefined) return undefined
  return { ifindex: Number(ifindex), kind: kind.replace('tcx_', '') as HookKind }
}

/** The hook that a note in `filters` is of; undefined for the note of a qdisc. */
export function hookOfFilter(pinName: string): TcHook | undefined {
  const [, kind, ifindex] = /^(ingress|egress)_(\d+)$/.exec(pinName) ?? []
  return kind === undefined ? undefined : { ifindex: Number(ifindex), kind: kind as TcDirection }
}
