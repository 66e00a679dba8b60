import { readFileSync } from 'node:fs'
import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { VerifierError } from '../../../src/loader/verifier-error.js'

/** Logs of Linux 6.18 about test/bpf/loader_bad_*.c. */
const log = (name: string): string => readFileSync(new URL(`logs/${name}.log`, import.meta.url), 'utf8')

describe('a verifier error', () => {
  it.each([
    [
      'bad_packet',
      'EACCES',
      'invalid access to packet, off=13 size=1, R1(id=0,off=13,r=0); R1 offset is outside of the packet; ' +
        'in: return data[13] == 8 ? XDP_PASS : XDP_DROP; @ loader_bad_packet.c:11 ' +
        '(5 lines omitted; --verbose prints the whole log)',
    ],
    [
      'bad_loop',
      'EINVAL',
      'infinite loop detected at insn 10; in: while (*left) @ loader_bad_loop.c:21 ' +
        '(27 lines omitted; --verbose prints the whole log)',
    ],
    [
      'bad_null',
      'EACCES',
      "R0 invalid mem access 'map_value_or_null'; in: return *verdict; @ loader_bad_null.c:19 " +
        '(13 lines omitted; --verbose prints the whole log)',
    ],
  ])('says in one line why %s was refused', (name, errno, reason) => {
    const error = new VerifierError(name, errno, log(name))
    expect(error.message).toBe(`the verifier refused the program ${name}: ${errno}: ${reason}`)
  })

  it('keeps the whole log, and shows it when inspected', () => {
    const error = new VerifierError('bad_null', 'EACCES', log('bad_null'))
    expect(`${error.fullLog}\n`).toBe(log('bad_null'))
    expect(inspect(error)).toContain('7: (61) r0 = *(u32 *)(r0 +0)')
  })

  it('does not fail on an empty log', () => {
    expect(new VerifierError('p', 'EINVAL', '').message).toContain('the verifier gave no reason')
  })

  it('shows the last line of a log that it does not understand', () => {
    expect(new VerifierError('p', 'E2BIG', '0: x\n1: y\n').message).toContain('E2BIG: 1: y (1 line omitted')
  })
})
