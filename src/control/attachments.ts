/** The interfaces that an instance's programs are attached to, and what of that is to change. */
import type { Config } from '../config/schema.js'
import type { Hook, TcHook } from '../dataplane/hooks.js'
import { linkPinName, TC_DIRECTIONS } from '../dataplane/hooks.js'
import type { Instance } from '../dataplane/instance.js'
import type { LiveState } from '../dataplane/live-state.js'
import { attachXdp } from '../loader/link.js'
import type { InterfaceFacts } from '../system/interfaces.js'
import type { NetworkNamespace } from '../system/netns.js'
import type { Change } from './change.js'
import { add, change, remove } from './change.js'
import { linkOfFacts, modeDiffers, modeOf } from './links.js'
import type { NewAttachments } from './new-attachments.js'
import { detachLink, linkedProgram, mendLink } from './pinned-link.js'
import { detachReply, isReplyAttached, pinnedReplyHooks, wantedReplyHooks } from './reply-hooks.js'
import type { Link } from './target.js'

/** What the configuration wants, what the host has, and what is attached. */
export interface Attachments {
  namespace: NetworkNamespace
  config: Config
  /** Of the interfaces of `config`, in its order. */
  facts: readonly InterfaceFacts[]
  live: Pick<LiveState, 'interfaces'>
}

/** The configured interfaces, each as it is attached or would be. Throws `LB_ERR_INTERFACE_UNUSABLE`. */
export function wantedLinks({ config, facts, live }: Omit<Attachments, 'namespace'>): Link[] {
  return config.interfaces.map((wanted, index) => {
    const each = facts[index] as InterfaceFacts
    return linkOfFacts(each, modeOf(wanted, each.ifindex, live))
  })
}

const xdpHook = (ifindex: number): Hook => ({ ifindex, kind: 'xdp' })

/**
 * Attaches the interfaces that have no link yet, or one of another mode or that somebody detached, and puts our program
 * into a link that has another. Returns the configured interfaces, each as it is attached now.
 */
export function attachMissing(
  instance: Instance,
  { namespace, config, facts, live }: Attachments,
  attached: NewAttachments,
): Link[] {
  const xdp = instance.programs.xdp
  return config.interfaces.map((wanted, index) => {
    const each = facts[index] as InterfaceFacts
    const { ifindex } = each
    const now = live.interfaces.get(ifindex)
    if (now !== undefined && !modeDiffers(wanted, now.mode) && mendLink(instance, xdpHook(ifindex))) {
      return linkOfFacts(each, modeOf(wanted, ifindex, live))
    }
    // Refuses an interface without MAC before it is touched.
    linkOfFacts(each, 'native')
    detachLink(instance.pins, xdpHook(ifindex))
    const { link, mode } = namespace.run(() => attachXdp(xdp, { ifindex, mode: wanted.xdp }))
    attached.addLink(xdpHook(ifindex), link)
    return linkOfFacts(each, mode)
  })
}

/** Detaches what is attached and no longer wanted. Runs in the namespace of the interfaces. */
export function detachUnwanted(
  { pins }: Instance,
  removeInterfaces: readonly number[],
  replies: readonly TcHook[],
): void {
  const wanted = new Set(replies.map((hook) => linkPinName(hook)))
  for (const hook of pinnedReplyHooks(pins)) if (!wanted.has(linkPinName(hook))) detachReply(pins, hook)
  for (const ifindex of removeInterfaces) detachLink(pins, xdpHook(ifindex))
}

/** What {@link attachMissing}, attachReplies and {@link detachUnwanted} would do, but for interfaces that come or go whole. */
export function attachmentChanges(instance: Instance, { namespace, config, facts, live }: Attachments): Change[] {
  return namespace.run(() => [
    ...config.interfaces.flatMap(({ name }, index) => {
      const { ifindex } = facts[index] as InterfaceFacts
      const now = linkedProgram(instance.pins, xdpHook(ifindex))
      const ours = instance.programs.xdp.id
      return !live.interfaces.has(ifindex) || now === ours ? [] : difference(`interfaces.${name}.xdp`, now || null, ours)
    }),
    ...replyChanges(instance, { namespace, config, facts, live }),
  ])
}

function replyChanges(instance: Instance, { config, facts, live }: Attachments): Change[] {
  const wanted = wantedReplyHooks(config, facts)
  const pinned = pinnedReplyHooks(instance.pins)
  const indices = new Set([...wanted, ...pinned].map(({ ifindex }) => ifindex))
  return [...indices].flatMap((ifindex) => {
    const name = facts.find((each) => each.ifindex === ifindex)?.name
    // The removal of an interface says it all.
    if (name === undefined && live.interfaces.has(ifindex)) return []
    const attached = pinned.filter((hook) => isReplyAttached(instance, hook))
    return difference(`interfaces.${name ?? ifindex}.reply`, kindsAt(attached, ifindex), kindsAt(wanted, ifindex))
  })
}

/** Such as `ingress and egress`; null for none. */
function kindsAt(hooks: readonly TcHook[], ifindex: number): string | null {
  const kinds = hooks.filter((hook) => hook.ifindex === ifindex).map(({ kind }) => kind)
  return TC_DIRECTIONS.filter((kind) => kinds.includes(kind)).join(' and ') || null
}

function difference(object: string, before: string | number | null, after: string | number | null): Change[] {
  if (before === null) return after === null ? [] : [add(object, after)]
  return after === null ? [remove(object, before)] : change(object, before, after)
}
