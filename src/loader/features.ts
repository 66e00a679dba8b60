/** Which kernel brought what. Asked only after something failed, so that nobody pays for it otherwise. */
import { release } from 'node:os'
import { VeerError } from '../errors.js'

/** Minimum kernels, from the commits that added each. */
const MINIMUM = {
  'batch operations on maps': [5, 6],
  'ring buffers': [5, 8],
  'XDP attached by bpf_link': [5, 9],
  'inner array maps of different sizes': [5, 10],
  'XDP programs for frames of several buffers (xdp.frags)': [5, 18],
  'TCX links': [6, 6],
} as const satisfies Record<string, readonly [number, number]>

export type Feature = keyof typeof MINIMUM

/**
 * An error that says which kernel has `feature`, or undefined when this kernel is new enough and the failure has
 * another cause.
 *
 * @param kernel - For tests; default: the running kernel's release.
 */
export function missingFeature(feature: Feature, cause: unknown, kernel: string = release()): VeerError | undefined {
  const [major, minor] = kernel.split('.', 2).map((part) => Number.parseInt(part, 10))
  const minimum = MINIMUM[feature]
  if (major === undefined || minor === undefined || Number.isNaN(major + minor)) return undefined
  if (major > minimum[0] || (major === minimum[0] && minor >= minimum[1])) return undefined
  return new VeerError('LB_ERR_KERNEL_TOO_OLD', `this kernel (${kernel}) has no ${feature}`, {
    hint: `use Linux ${minimum.join('.')} or newer`,
    cause,
  })
}
