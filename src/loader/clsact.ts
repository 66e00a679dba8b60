/** TC filters of the qdisc clsact: what kernels before TCX (6.6) have. No link holds a filter; it stays until it is removed. */
import { errnoOf } from '../errors.js'
import { native } from '../native.js'
import { attachError, interfaceOf, missingInterface } from './attach-error.js'
import type { TcxOptions } from './link.js'
import type { Program } from './program.js'

/** Where a filter is; handle and priority (lower runs first) tell it from others of the same interface. */
export interface ClsactPlace extends TcxOptions {
  handle: number
  priority: number
}

/** The interface, the qdisc or the filter has gone: ENODEV, EINVAL, ENOENT. */
const GONE: readonly (string | undefined)[] = ['ENODEV', 'EINVAL', 'ENOENT']

/**
 * Makes a program the filter at `place`, in place of one that is there; no packet passes without one of both. Returns
 * whether the interface had no clsact qdisc before.
 *
 * @throws VeerError `LB_ERR_INTERFACE_MISSING` or `LB_ERR_PROGRAM_ATTACH`.
 */
export function attachClsact(program: Program, { ifindex, direction, handle, priority }: ClsactPlace): boolean {
  try {
    return native().attachClsact(program.native, ifindex, direction, handle, priority)
  } catch (cause) {
    const where = interfaceOf(ifindex)
    throw missingInterface(ifindex, cause)
      ?? attachError(`the program ${program.name} to ${where} (clsact ${direction})`, cause)
  }
}

/** The id of the program that is the filter at `place`; 0 when there is none. */
export function clsactProgram({ ifindex, direction, handle, priority }: ClsactPlace): number {
  try {
    return native().queryClsact(ifindex, direction, handle, priority)
  } catch (error) {
    if (errnoOf(error) === 'ENODEV') return 0
    throw error
  }
}

/** Removes the filter at `place`, whoever made it; false when there was none. */
export function detachClsact({ ifindex, direction, handle, priority }: ClsactPlace): boolean {
  try {
    native().detachClsact(ifindex, direction, handle, priority)
    return true
  } catch (error) {
    if (GONE.includes(errnoOf(error))) return false
    throw error
  }
}

/** Removes the qdisc, and with it all filters of the interface, whoever made them; false when there was none. */
export function removeClsact(ifindex: number): boolean {
  try {
    native().removeClsact(ifindex)
    return true
  } catch (error) {
    if (GONE.includes(errnoOf(error))) return false
    throw error
  }
}
