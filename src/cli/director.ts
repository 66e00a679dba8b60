import { Director } from '../control/director.js'
import { NetworkNamespace } from '../system/netns.js'
import type { GlobalOptions } from './options.js'

/** The director of the global options, for commands that change something. */
export function directorOf(options: GlobalOptions): Director {
  return new Director({
    name: options.instance,
    bpffs: options.bpffs,
    namespace: NetworkNamespace.open(options.netns),
  })
}
