import type { Config } from '../config/schema.js'
import { connBuckets } from '../dataplane/conn-table.js'
import type { Instance } from '../dataplane/instance.js'
import { VeerError } from '../errors.js'
import { Limit } from '../maps/generated.js'

/** Throws `LB_ERR_CONNS_RESIZE` when the table in the kernel is not of the size that is configured. */
export function checkConnsSize(instance: Instance, config: Config): void {
  const { maxEntries } = instance.maps.conns.info
  if (maxEntries === connBuckets(config.conns.max)) return
  const size = maxEntries * Limit.connLoad
  throw new VeerError(
    'LB_ERR_CONNS_RESIZE',
    `conns.max is ${config.conns.max}, and the table in the kernel is for ${size}: its size is fixed while attached`,
    { hint: `keep max: ${size}, or detach and attach again, which ends all conns` },
  )
}
