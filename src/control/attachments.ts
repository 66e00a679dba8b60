/** The interfaces that an instance's program is attached to. */
import type { Config } from '../config/schema.js'
import type { Instance } from '../dataplane/instance.js'
import { linkPinName } from '../dataplane/instance.js'
import type { LiveState } from '../dataplane/live-state.js'
import type { Link as BpfLink } from '../loader/link.js'
import { attachXdp } from '../loader/link.js'
import type { InterfaceFacts } from '../system/interfaces.js'
import type { NetworkNamespace } from '../system/netns.js'
import { linkOfFacts, modeDiffers, modeOf } from './links.js'
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

/**
 * Attaches the interfaces that have no link yet, or one of another mode; `attached` gets the links one by one, by
 * ifindex, for the caller to pin and to close. Returns the configured interfaces, each as it is attached now.
 */
export function attachMissing(
  instance: Instance,
  { namespace, config, facts, live }: Attachments,
  attached: Map<number, BpfLink>,
): Link[] {
  return config.interfaces.map((wanted, index) => {
    const each = facts[index] as InterfaceFacts
    const { ifindex } = each
    const now = live.interfaces.get(ifindex)
    const present = now !== undefined && instance.pins.has('links', linkPinName(ifindex))
    if (present && !modeDiffers(wanted, now.mode)) return linkOfFacts(each, modeOf(wanted, ifindex, live))
    // Refuses an interface without MAC before it is touched.
    linkOfFacts(each, 'native')
    if (present) detachPinned(instance, ifindex)
    const { link, mode } = namespace.run(() => attachXdp(instance.program, { ifindex, mode: wanted.xdp }))
    attached.set(ifindex, link)
    return linkOfFacts(each, mode)
  })
}

/** Detaches an interface and removes its pin; nothing when it has none. */
export function detachPinned(instance: Instance, ifindex: number): void {
  const pinName = linkPinName(ifindex)
  if (!instance.pins.has('links', pinName)) return
  using link = instance.pins.openLink(pinName)
  link.detach()
  instance.pins.remove('links', pinName)
}
