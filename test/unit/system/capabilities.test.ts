import { describe, expect, it } from 'vitest'
import {
  DATAPLANE_CAPABILITIES,
  missingCapabilities,
  NAMESPACE_CAPABILITIES,
  requireCapabilities,
} from '../../../src/system/capabilities.js'

/** CapEff of root on Linux 5.8 and newer. */
const ALL = 0x1ff_ffff_ffffn

describe('capabilities', () => {
  it.each([
    ['root lacks nothing', ALL, []],
    ['nobody lacks all', 0n, ['CAP_BPF', 'CAP_PERFMON', 'CAP_NET_ADMIN', 'CAP_NET_RAW', 'CAP_SYS_ADMIN']],
    ['a bit above 32 counts', ALL & ~(1n << 39n), ['CAP_BPF']],
    ['a bit below 32 counts', ALL & ~(1n << 12n), ['CAP_NET_ADMIN']],
  ])('%s', (_title, effective, missing) => {
    expect(missingCapabilities(NAMESPACE_CAPABILITIES, effective)).toEqual(missing)
  })

  it('the error names what is missing and only that', () => {
    const effective = (1n << 12n) | (1n << 21n)
    expect(() => requireCapabilities(DATAPLANE_CAPABILITIES, effective)).toThrow(
      expect.objectContaining({
        code: 'LB_ERR_CAPABILITY_MISSING',
        message: 'not allowed to drive the dataplane: CAP_BPF, CAP_PERFMON, CAP_NET_RAW missing',
      }),
    )
  })

  it('without anything missing nothing happens', () => {
    expect(() => requireCapabilities(DATAPLANE_CAPABILITIES, ALL)).not.toThrow()
  })
})
