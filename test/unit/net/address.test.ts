import fc from 'fast-check'
import ipaddr from 'ipaddr.js'
import { describe, expect, it } from 'vitest'
import { addressFromWords, addressToWords } from '../../../src/net/address.js'

const word = fc.integer({ min: 0, max: 0xffff_ffff })

/** What ipaddr.js makes of four words. */
function textOf(words: readonly number[]): string {
  const bytes = words.flatMap((each) => [each >>> 24, (each >>> 16) & 255, (each >>> 8) & 255, each & 255])
  const address = new ipaddr.IPv6(bytes)
  return address.isIPv4MappedAddress() ? address.toIPv4Address().toString() : address.toRFC5952String()
}

describe('an address as words', () => {
  const ipv4 = word.map((value) => [0, 0, 0xffff, value])
  const ipv6 = fc.array(fc.oneof(fc.constant(0), word), { minLength: 4, maxLength: 4 })

  it('has the text that ipaddr.js gives it, and comes back from it', () => {
    fc.assert(
      fc.property(fc.oneof(ipv4, ipv6), (words) => {
        const text = addressFromWords({ word: words })
        expect(text).toBe(textOf(words))
        expect(addressToWords(text)).toEqual({ word: words })
      }),
    )
  })

  it.each(['1.2.3.256', '1.2.3.4.5', 'name'])('refuses %s', (text) => {
    expect(() => addressToWords(text)).toThrow()
  })
})
