/** The clsact qdisc of an interface of the thread's network namespace. */
import { VeerError } from '../errors.js'
import { removeClsact } from '../loader/clsact.js'
import { native } from '../native.js'
import { hasFilters, hasIngressQdisc } from '../system/clsact.js'

/** Removes it, if the interface is there and nobody has a filter in it. */
export function removeUnusedQdisc(ifindex: number): void {
  const name = interfaceName(ifindex)
  if (name !== undefined && !hasFilters(name)) removeClsact(ifindex)
}

/** Throws `LB_ERR_INTERFACE_BUSY` when another qdisc is in its place. */
export function requireClsact(ifindex: number): void {
  const name = interfaceName(ifindex)
  if (name === undefined || !hasIngressQdisc(name)) return
  throw new VeerError('LB_ERR_INTERFACE_BUSY', `${name} has the qdisc ingress, which has no place for replies that go out`, {
    hint: `put clsact in its place: tc qdisc del dev ${name} ingress && tc qdisc add dev ${name} clsact`,
  })
}

function interfaceName(ifindex: number): string | undefined {
  try {
    return native().interfaceName(ifindex)
  } catch {
    return undefined
  }
}
