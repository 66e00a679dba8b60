import type { Instance } from '../dataplane/instance.js'
import { VeerError } from '../errors.js'
import type { NetworkNamespace } from '../system/netns.js'

/** Throws `LB_ERR_NETNS_OTHER` unless the instance was attached in this network namespace. */
export function requireNamespace(instance: Instance, namespace: NetworkNamespace): void {
  if (instance.maps.meta.get(0)?.netns === namespace.inode()) return
  throw new VeerError(
    'LB_ERR_NETNS_OTHER',
    `instance ${instance.name} was attached in another network namespace than ${namespace}`,
    { hint: 'give the same --netns as at attach' },
  )
}
