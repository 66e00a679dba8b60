/** Takes an instance off the host. */
import { existsSync, readdirSync, rmdirSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Instance } from '../dataplane/instance.js'
import { readLiveState } from '../dataplane/live-state.js'
import type { PinDirectory } from '../loader/pin.js'
import type { NetworkNamespace } from '../system/netns.js'
import { removeProbePath } from './probe-path.js'
import { detachReply, pinnedReplyHooks } from './reply-hooks.js'
import type { Link } from './target.js'
import { unbindVips, updateMulticastFilters } from './vip-presence.js'

/** Addresses and multicast filters, as the maps tell of them. */
export function removeHostTraces({ maps }: Instance, namespace: NetworkNamespace): void {
  const { vips, interfaces } = readLiveState(maps)
  const links = [...interfaces].map(([ifindex, { name }]) => ({ name, ifindex }) as Link)
  const flagged = vips.map(({ address, value }) => ({ address, flags: value.flags }))
  unbindVips(vips, new Map(), namespace, links[0]?.name ?? 'lo')
  updateMulticastFilters(flagged, [], links, namespace)
}

/** Detaches what is pinned, and removes the path of probes and the pins. What is not there is no error. */
export async function removePinned(pins: PinDirectory, namespace: NetworkNamespace, name: string): Promise<void> {
  namespace.run(() => pinnedReplyHooks(pins).forEach((hook) => detachReply(pins, hook)))
  for (const pin of pins.list('links')) {
    using link = pins.openLink(pin)
    link.detach()
  }
  pins.removeAll()
  // The directory that the instances of one BPF filesystem share.
  const shared = dirname(pins.path)
  if (existsSync(shared) && readdirSync(shared).length === 0) rmdirSync(shared)
  // Last, since it may fail: then at least all else is gone.
  await removeProbePath(pins, namespace, name)
}
